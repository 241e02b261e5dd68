"""Of a dead letter a patient's events go, and everything else stays as it came."""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.erasure import Sifted, check_room, rewrite, sift
from contracts import MAX_EVENTS

THEIRS = b'{"patient_id": "K 7", "medication_name": "Heparin"}'
ALIKE = b'{"medication_name":"X","patient_id":"\\u00a0K\\u2003 7 ","action":"?"}'
OTHERS = b'{ "patient_id":\t"K7", "weight": 1.50 , "action": "\\u0073tart"}'


@pytest.mark.parametrize("body", [THEIRS, ALIKE, b" \n" + THEIRS])
def test_a_letter_with_one_event_of_the_patient_goes_whole(body: bytes) -> None:
    assert sift(body, "K 7") == Sifted(1, None, is_unclear=False)


def test_the_events_of_others_stay_byte_by_byte() -> None:
    body = b"[ " + b" , ".join([OTHERS, THEIRS, ALIKE, OTHERS]) + b"]"
    assert sift(body, "K 7") == Sifted(2, b"[" + OTHERS + b"," + OTHERS + b"]", is_unclear=False)


def test_a_list_of_the_patient_s_events_alone_goes_whole() -> None:
    assert sift(b"[" + THEIRS + b"," + ALIKE + b"]", "K 7") == Sifted(2, None, is_unclear=False)


@pytest.mark.parametrize("body", [OTHERS, b"[" + OTHERS + b"]", b"[]"])
def test_a_letter_of_others_is_not_touched(body: bytes) -> None:
    assert sift(body, "K 7") == Sifted(0, body, is_unclear=False)


@pytest.mark.parametrize(
    "body",
    [
        b"K 7 is not json",
        b"\xff",
        b"",
        b"null",
        b'"K 7"',
        b'{"mrn": "K 7"}',
        b'{"patient_id": 7}',
        b'{"patient_id": "K\\u200b7"}',
        b'{"patient_id": "K 7"',
        b'{"patient_id": "K7", "patient_id": "K 7"}',
        b'{"patient_id": "K 7", "patient_id": "K7"}',
        b'{"patient_id": "K7", "notes": {"patient_id": " K\\u00207 "}}',
        b'{"patient_id": "K7", "medication_name": "K 7"}',
        b'{"patient_id": "K7", "others": [["K 7"]]}',
        b'{"patient_id": "K7", "K 7": 1}',
        b'{"patient_id": "K 7", "notes": "' + b"x" * 2**20 + b'"}',
        *(b'{"patient_id": "K7", "x": ' + b"[" * n + b"]" * n + b"}" for n in (1_000, 5_000)),
        b"[" * 5_000,
    ],
)
def test_a_letter_that_nobody_can_tell_whose_it_is_stays_and_is_told_of(body: bytes) -> None:
    assert sift(body, "K 7") == Sifted(0, body, is_unclear=True)


def test_what_can_not_be_told_stays_beside_what_is_erased_and_is_told_of() -> None:
    unclear = b'{"mrn": "K 7"}'
    sifted = sift(b"[" + b",".join([unclear, THEIRS, b"null"]) + b"]", "K 7")
    assert sifted == Sifted(1, b"[" + unclear + b",null]", is_unclear=True)


@pytest.mark.parametrize(("events", "is_unclear"), [(2 * MAX_EVENTS, False), (2001, True)])
def test_a_list_is_taken_apart_whole_or_not_at_all(events: int, is_unclear: bool) -> None:
    body = json.dumps([{"patient_id": "K 7"}] * events).encode()
    rest = body if is_unclear else None
    assert sift(body, "K 7") == Sifted(0 if is_unclear else events, rest, is_unclear)


def of_record(*events: bytes) -> bytes:
    return b'{"record_id": "r/1", "record_version": "1", "events": [%s]}' % b",".join(events)


def test_a_version_of_a_record_goes_with_the_patient_whom_alone_it_is_about() -> None:
    theirs, others = of_record(THEIRS, ALIKE), of_record(OTHERS, OTHERS)
    assert sift(theirs, "K 7") == Sifted(1, None, is_unclear=False)
    for each in (others, of_record()):
        assert sift(each, "K 7") == Sifted(0, each, is_unclear=False)
    listed = b"[" + theirs + b"," + others + b"]"
    assert sift(listed, "K 7") == Sifted(1, b"[" + others + b"]", is_unclear=False)


def test_a_version_with_events_of_several_patients_stays_and_is_told_of() -> None:
    both = of_record(THEIRS, OTHERS)
    assert sift(both, "K 7") == Sifted(0, both, is_unclear=True)
    named = b'{"record_id": "K 7", "record_version": "1", "events": []}'
    assert sift(named, "K 7") == Sifted(0, named, is_unclear=True)


def test_an_identifier_that_is_part_of_another_is_another() -> None:
    assert sift(b'{"patient_id": "K 77"}', "K 7").erased == 0


MB = 10**6


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a database of 3 MB, of which one is in its log, and another folder for SQLite."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "events.db").write_bytes(b"x" * 2 * MB)
    (tmp_path / "events.db-wal").write_bytes(b"x" * MB)
    return tmp_path / "events.db"


def let_be_free(monkeypatch: pytest.MonkeyPatch, free: Mapping[str, int]) -> None:
    """Let folders have so much room, by their names."""
    monkeypatch.setattr(shutil, "disk_usage", lambda each: SimpleNamespace(free=free[each.name]))


def test_a_disk_needs_room_for_the_log_and_for_what_is_temporary(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = database.parent.name
    let_be_free(monkeypatch, {beside: 6 * MB, "temporary": 6 * MB})
    check_room(database)
    let_be_free(monkeypatch, {beside: 6 * MB - 1, "temporary": 6 * MB - 1})
    with pytest.raises(CommandFailed, match=r"temporary needs 6 MB free .* in SQLITE_TMPDIR$"):
        check_room(database)
    let_be_free(monkeypatch, {beside: 3 * MB - 1, "temporary": 6 * MB})
    with pytest.raises(CommandFailed, match=rf"{beside} needs 3 MB free"):
        check_room(database)


def test_where_sqlite_has_no_room_the_failure_names_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(sqlite3, "connect", fail)
    with pytest.raises(CommandFailed, match="full; its temporary files go to SQLITE_TMPDIR"):
        rewrite(tmp_path / "events.db")
