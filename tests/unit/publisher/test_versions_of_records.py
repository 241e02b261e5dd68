"""Versions of records in our own formats: written whole, or as events with a record's fields."""

import json
from pathlib import Path

import pytest

from contracts import RecordVersion, explain_event, read_message
from publisher_app.formats.columns import Columns
from publisher_app.formats.mapping import FieldMapping, NoEvent
from publisher_app.formats.records import Record
from publisher_app.publishing import bodies_of
from tests.unit.publisher.test_whole_files import publish

START = {
    "patient_id": "2",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
STOP = {**START, "action": "stop", "event_time": "2021-01-01T03:00:00Z"}
VERSION = {"record_id": "ward/7", "record_version": "1"}
WHOLE = RecordVersion("ward/7", "1", [explain_event(START), explain_event(STOP)])


def read(content: dict[str, object], columns: dict[str, str] | None = None) -> object:
    [report] = FieldMapping(Columns(columns or {})).reports_of(Record(1, content))
    return report


def reason(content: dict[str, object]) -> str:
    with pytest.raises(NoEvent) as refused:
        read(content)
    return str(refused.value)


def test_a_version_is_read_with_the_list_of_its_events() -> None:
    assert read({**VERSION, "events": [START, STOP]}) == WHOLE
    assert read({**VERSION, "events": []}) == RecordVersion("ward/7", "1", [])


def test_the_events_of_a_version_are_mended_as_others_are() -> None:
    local = {**STOP, "event_time": "20210101040000+0100"}
    assert read({**VERSION, "events": [START, local]}) == WHOLE


def test_an_event_with_a_records_fields_is_a_version_with_that_event() -> None:
    one = RecordVersion("ward/7", "1", [explain_event(START)])
    assert read({**START, **VERSION}) == one
    assert read({**START, "Row": "ward/7", "record version": "1"}, {"record_id": "Row"}) == one


def test_an_event_with_empty_fields_of_a_record_stands_for_itself() -> None:
    assert read({**START, "record_id": "", "record_version": None}) == explain_event(START)


def test_all_that_is_wrong_with_a_version_is_told_and_nothing_of_it_is_published() -> None:
    bad = {**START, "action": "pause"}
    assert reason({"record_id": "ward/7", "events": [START, bad, 5]}) == (
        "events.1: action: Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'; "
        "events.2: is not an object with the fields of an event; record_version: Field required"
    )
    assert reason({**START, "record_version": "1"}) == "record_id: Field required"


async def test_a_file_may_hold_events_and_versions_and_tells_how_many(tmp_path: Path) -> None:
    lines = [START, {**VERSION, "events": [START, STOP]}, {**VERSION, "events": []}]
    published = await publish(tmp_path, "\n".join(map(json.dumps, lines)))
    assert published.events == [explain_event(START)]
    assert "published 3 in 2 versions of records, rejected 0" in published.said


async def test_equal_rows_of_one_version_are_not_told_apart(tmp_path: Path) -> None:
    names = ["patient_id", "medication_name", "action", "event_time", "record_id", "record_version"]
    row = ",".join([*START.values(), *VERSION.values()])
    published = await publish(tmp_path, "\n".join([",".join(names), row, row]))
    assert "published 2 in 2 versions of records" in published.said


def test_a_message_holds_no_more_than_1_000_events_of_versions() -> None:
    versions = [RecordVersion("ward/7", str(n), WHOLE.events) for n in range(600)]
    bodies = [read_message(body) for body in bodies_of(versions)]
    assert [sum(each.size for each in body.versions) for body in bodies] == [600, 600]
    assert [each for body in bodies for each in body.versions] == versions


def test_a_version_with_more_events_goes_out_in_parts_under_its_own_name() -> None:
    events = [explain_event({**START, "event_id": str(n)}) for n in range(1_500)]
    [body, other] = map(read_message, bodies_of([RecordVersion("ward/7", "1", events)]))
    [part], [rest] = body.versions, other.versions
    assert part.events + rest.events == events
    assert {(each.record_id, each.record_version) for each in (part, rest)} == {("ward/7", "1")}
