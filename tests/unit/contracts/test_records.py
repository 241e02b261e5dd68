"""Versions of records in messages: as wholes, and as events with the fields of a record."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import (
    MAX_EVENTS,
    NO_REPORTS,
    CanonicalMessage,
    MedicationEvent,
    RecordVersion,
    Report,
    canonical_message,
    explain_event,
    read_message,
    read_written,
    read_written_versions,
    write_message,
)
from contracts.message import ReadMessage, explain_message
from contracts.reading import read_plain
from tests.unit.contracts.test_readers import plain_events, plain_texts

START = {
    "patient_id": "2",
    "medication_name": "Y",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
BAD = {**START, "action": "pause"}
OF_RECORD = {"record_id": "ward/7", "record_version": "1"}
EVENT = explain_event(START)

versions = st.builds(RecordVersion, plain_texts, plain_texts, st.lists(plain_events, max_size=3))
reports = st.lists(plain_events | versions, max_size=4)


def body(content: object) -> bytes:
    return json.dumps(content).encode()


def read(content: object) -> ReadMessage:
    return read_message(body(content))


@given(reports)
def test_what_is_written_is_read_again(written: list[Report]) -> None:
    assert read_message(write_message(written)) == (written, None)


@given(st.lists(versions, min_size=1, max_size=4))
def test_versions_that_are_written_plainly_are_read_quickly(written: list[RecordVersion]) -> None:
    ours = write_message(written)
    assert read_plain(ours) == written == explain_message(ours).reports
    assert read_written_versions(ours) == written


@given(reports)
def test_events_and_versions_are_told_apart_and_neither_is_lost(written: list[Report]) -> None:
    message = canonical_message(write_message(written))
    events = [each for each in written if isinstance(each, MedicationEvent)]
    wholes = [each for each in written if isinstance(each, RecordVersion)]
    assert read_written(message.written) == events
    assert read_written_versions(message.versions) == wholes
    assert message.size == len(events) + sum(max(1, len(each.events)) for each in wholes)


def test_a_message_of_events_alone_is_kept_as_it_came() -> None:
    ours = write_message([EVENT, EVENT])
    assert canonical_message(ours) == CanonicalMessage(ours, NO_REPORTS, 2)


def test_a_message_of_versions_alone_is_kept_as_it_came() -> None:
    ours = write_message([RecordVersion("r", "1", [EVENT, EVENT]), RecordVersion("r", "2", [])])
    assert canonical_message(ours) == CanonicalMessage(NO_REPORTS, ours, 3)


def test_an_event_with_a_records_fields_is_a_version_with_that_event() -> None:
    version = RecordVersion("ward/7", "1", [EVENT])
    assert read({**START, **OF_RECORD}) == ([version], None)
    assert read([{**OF_RECORD, **START}, START]) == ([version, EVENT], None)


@pytest.mark.parametrize("absent", ["", " ", None])
def test_an_event_with_empty_fields_of_a_record_stands_for_itself(absent: str | None) -> None:
    empty = dict.fromkeys(OF_RECORD, absent)
    assert read({**START, **empty}) == ([EVENT], None)
    # A field of that name was unknown before, and is left alone.
    assert read({**START, "events": [5]}) == ([EVENT], None)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        ({**START, "record_id": "ward/7"}, "record_version: Field required"),
        ({"record_version": "1", "events": []}, "record_id: Field required"),
        ({**OF_RECORD, "events": 5}, "events: Input should be a valid list"),
        (
            {**OF_RECORD, "record_id": "x" * 257, "events": []},
            "record_id: String should have at most 256 characters",
        ),
        (
            {**OF_RECORD, "record_version": "x" * 129, "events": []},
            "record_version: String should have at most 128 characters",
        ),
        (
            {**OF_RECORD, "record_id": "a\u200b", "events": []},
            "record_id: holds invisible characters: remove U+200B",
        ),
    ],
)
def test_what_is_no_version_is_refused_with_the_reason(content: object, refusal: str) -> None:
    assert read(content) == ([], refusal)


def test_of_a_version_with_a_bad_event_nothing_is_taken() -> None:
    found, refusal = read([{**OF_RECORD, "events": [START, BAD]}, START])
    assert found == [EVENT]
    assert refusal == (
        "element 0: events.1.action: "
        "Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'"
    )


def test_of_many_bad_events_the_first_are_told() -> None:
    refusal = read({**OF_RECORD, "events": [BAD] * 50}).refusal or ""
    assert refusal.startswith("events.0.action: ")
    assert refusal.endswith("; and 40 more")
    assert refusal.count("events.") == 10


def test_a_message_holds_up_to_1_000_events_of_all_its_versions() -> None:
    half = {**OF_RECORD, "events": [START] * (MAX_EVENTS // 2)}
    assert len(read([half, half]).reports) == 2
    for content in ([half, half, START], [half, half, {**OF_RECORD, "events": []}]):
        plain = json.dumps(content, separators=(",", ":")).encode()
        for each in (body(content), plain):
            found, refusal = read_message(each)
            assert found == []
            assert "1000 events" in (refusal or "") or "1001 events" in (refusal or "")
    assert read({**OF_RECORD, "events": [START] * 1001}).refusal is not None


def test_a_refusal_repeats_nothing_of_a_version() -> None:
    secret = "SECRET"
    for each in (
        {"record_id": secret, "record_version": 5, "events": []},
        {"record_id": "r", "record_version": "1", "events": [{**START, "action": secret}]},
        {"record_id": "r", "record_version": "1", "events": [{secret: secret}, secret]},
        {"record_id": secret + "\u200b", "record_version": "1", "events": secret},
    ):
        found, refusal = read(each)
        assert found == []
        assert secret not in (refusal or "")
