"""The audit is beside the events unless it is said where, and PostgreSQL needs a key file."""

from pathlib import Path

import pytest

from consumer_app.audit.configured import configured_place
from consumer_app.settings import ConsumerSettings
from runtime.settings import load_settings

POSTGRES = "postgresql+asyncpg://user:secret@db/medication_periods"


@pytest.fixture(autouse=True)
def without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_KEY_FILE")


@pytest.mark.parametrize("empty", [True, False])
def test_by_default_it_is_a_file_beside_that_of_the_events(
    empty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As compose hands on what is not set.
    for name in ("AUDIT_DATABASE_URL", "AUDIT_KEY_FILE") if empty else ():
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("DATABASE_URL", "sqlite+aiosqlite:////data/medication-periods.db")
    place = configured_place(ConsumerSettings())

    assert place.url == "sqlite+aiosqlite:////data/medication-periods.db.audit"
    assert place.file == Path("/data/medication-periods.db.audit")
    assert place.key_file == Path("/data/medication-periods.db.audit.key")


def test_files_of_events_that_differ_by_their_ending_have_two_audits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = set()
    for file in ("events.db", "events.sqlite"):
        monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:////data/{file}")
        found.add(configured_place(ConsumerSettings()))

    assert len(found) == 2


def test_a_relative_file_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert configured_place(ConsumerSettings()).file == Path("data/medication-periods.db.audit")


def test_events_in_postgresql_have_their_audit_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", POSTGRES)
    monkeypatch.setenv("AUDIT_KEY_FILE", "/keys/audit")
    place = configured_place(ConsumerSettings())

    assert (place.url, place.file, place.key_file) == (POSTGRES, None, Path("/keys/audit"))


def test_it_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", POSTGRES)
    monkeypatch.setenv("AUDIT_DATABASE_URL", "sqlite+aiosqlite:////audit/reads.db")
    place = configured_place(ConsumerSettings())

    assert place.file == Path("/audit/reads.db")
    assert place.key_file == Path("/audit/reads.db.key")


def test_without_a_key_file_postgresql_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", POSTGRES)

    with pytest.raises(SystemExit) as ended:
        configured_place(ConsumerSettings())
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("Bad settings: AUDIT_KEY_FILE: is needed where the audit is in Postgre")
    assert told.count("\n") == 1
    assert "secret" not in told


def test_a_bad_address_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIT_DATABASE_URL", "mysql://user:secret@db/x")

    with pytest.raises(SystemExit):
        load_settings(ConsumerSettings)
    told = capsys.readouterr().err
    assert told.startswith("Bad settings: AUDIT_DATABASE_URL: Value error, write sqlite+aiosqlite:")
    assert "secret" not in told
