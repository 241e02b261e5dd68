"""Each command that touches patients' data is recorded before it does anything, or not done."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumer_app.__main__ import cli
from consumer_app.audit import commands
from consumer_app.audit.audit import Audit
from consumer_app.audit.errors import AuditUnavailable
from consumer_app.audit.records import Record
from consumer_app.upkeep import CommandFailed
from tests.unit.upkeep.test_help import PATHS

RECORDED: dict[tuple[str, ...], Sequence[str]] = {
    ("database", "backup"): ["copy.db"],
    ("database", "restore"): ["README.md"],
    ("database", "purge"): ["--before", "2015-01-01T00:00:00Z", "--yes"],
    ("database", "retract"): ["monday", "--yes"],
    ("database", "erase"): ["--patient", " K\u00a07", "--yes"],
    ("dead-letters", "show"): ["2"],
    ("dead-letters", "replay"): [],
    ("dead-letters", "drop"): ["2", "--yes"],
    ("dead-letters", "purge"): ["--before", "2015-01-01T00:00:00Z", "--yes"],
    ("access", "new-token"): ["ward", "--scope", "periods:read", "--patient", "K 7"],
    ("audit", "list"): ["--patient", "K 7"],
    ("audit", "verify"): [],
    ("audit", "export"): [],
    ("audit", "purge"): ["--before", "2015-01-01T00:00:00Z", "--yes"],
    ("export", "periods"): ["periods.csv"],
    ("export", "omop"): ["exposures"],
}
WITHOUT_PATIENTS: dict[tuple[str, ...], str] = {
    ("database", "migrate"): "changes no event",
    ("declare",): "changes no event, where it moves those of 1.0.0's queue, too",
    ("database", "check"): "tells damage, by page and table",
    ("database", "runs"): "tells names and numbers of runs, and who brought them",
    ("dead-letters", "list"): "tells the reasons, which repeat no content",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a database and an audit, as far as a command looks for them."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    monkeypatch.setenv("ACCESS_TOKENS", str(tmp_path / "tokens.csv"))
    for name in ("events.db", "events.db.audit"):
        (tmp_path / name).touch()
    return tmp_path


def test_each_command_is_recorded_or_known_to_touch_no_patient_s_data() -> None:
    assert RECORDED.keys() | WITHOUT_PATIENTS.keys() == set(PATHS)
    assert not RECORDED.keys() & WITHOUT_PATIENTS.keys()


@pytest.mark.parametrize(("path", "arguments"), RECORDED.items(), ids=map(" ".join, RECORDED))
def test_what_can_not_be_recorded_is_not_done(
    path: tuple[str, ...], arguments: Sequence[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Record] = []

    async def refuse(_: Audit, record: Record) -> None:
        records.append(record)
        raise AuditUnavailable("the audit can't be written")

    monkeypatch.setattr(commands, "_record", refuse)
    there = {file.name: file.read_bytes() for file in folder.iterdir()}

    done = CliRunner().invoke(cli, [*path, *arguments])

    assert isinstance(done.exception, AuditUnavailable)
    assert done.stdout == ""
    (record,) = records
    assert record.route == " ".join(path)
    assert record.patient == ("K 7" if "--patient" in arguments else None)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == there


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["purge", "retract", "erase"])
def test_what_may_not_be_written_here_is_not_recorded(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ("database", command)
    monkeypatch.setenv("CONSUMER_RECEIVES", "false")
    monkeypatch.setattr(commands, "_record", lambda *_: pytest.fail("it is recorded"))
    done = CliRunner().invoke(cli, [*path, *RECORDED[path]])
    assert isinstance(done.exception, CommandFailed)
    assert "only answers" in str(done.exception)


def test_a_command_is_recorded_with_what_it_was_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Record] = []

    async def keep(_: Audit, record: Record) -> None:
        records.append(record)

    monkeypatch.setattr(commands, "_record", keep)
    (folder / "events.db").unlink()
    told = ["--scope", "events:write", "--scope", "periods:read", "--expires", "2027-01-31"]
    assert CliRunner().invoke(cli, ["access", "new-token", "pump", *told]).exit_code == 0

    (record,) = records
    assert record.parameters == {
        "name": ["pump"],
        "scope": ["events:write periods:read"],
        "expires": ["2027-01-31"],
    }
