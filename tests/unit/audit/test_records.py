"""A record is a line of JSON that is read as it was written."""

import json

import pytest

from consumer_app.audit.records import Record, now, read_record, write_record
from tests.unit.audit.records import MORNING, PURGE, REFUSED


@pytest.mark.parametrize("record", [MORNING, REFUSED, PURGE], ids=["read", "refused", "command"])
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert read_record(write_record(record)) == record


def test_what_is_not_known_is_left_out() -> None:
    assert set(json.loads(write_record(REFUSED))) == {
        *("time", "kind", "outcome", "address", "server", "method", "route", "request_id")
    }


def test_times_are_in_their_order_as_texts() -> None:
    times = [now() for _ in range(100)]

    assert times == sorted(times)
    assert {len(time) for time in times} == {len("2026-01-31T08:00:00.000000Z")}


def test_what_a_later_version_adds_is_let_be() -> None:
    written = json.loads(write_record(MORNING)) | {"new": 1}

    assert read_record(json.dumps(written)) == MORNING


def test_no_record_holds_what_postgresql_can_not_look_up() -> None:
    record = Record(time=now(), kind="read", server="here", patient="a\x00b")

    assert read_record(write_record(record)).patient == "a\ufffdb"


@pytest.mark.parametrize(
    ("patient", "kept"),
    [
        (r"a\u0000b", r"a\u0000b"),
        ("\\\0", "\\\ufffd"),
        ("\\\\\0\0", "\\\\\ufffd\ufffd"),
        ("\0\\u0000", "\ufffd\\u0000"),
    ],
)
def test_what_is_only_written_like_it_stays(patient: str, kept: str) -> None:
    record = Record(time=now(), kind="read", server="here", patient=patient)

    assert read_record(write_record(record)).patient == kept
