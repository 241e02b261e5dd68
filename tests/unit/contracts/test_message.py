"""What one message carries, and what is said of one that breaks the contract."""

import json

import msgspec
import pytest

from contracts import (
    MAX_EVENTS,
    MAX_MESSAGE_BYTES,
    MedicationEvent,
    read_message,
    write_message,
)

EVENT = {
    "patient_id": "2",
    "medication_name": "Y",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
BAD = {**EVENT, "action": "pause"}
WRONG_ACTION = "action: Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'"
NOT_JSON = "Invalid JSON: "


def body(content: object) -> bytes:
    return json.dumps(content).encode()


def numbered(count: int) -> list[dict[str, str]]:
    return [{**EVENT, "event_id": str(number)} for number in range(count)]


def test_one_event_stands_alone_or_in_a_list() -> None:
    event = msgspec.convert(EVENT, MedicationEvent)
    for each in (body(EVENT), body([EVENT]), b"\n " + body(EVENT), b" \r\n\t" + body([EVENT])):
        assert read_message(each) == ([event], None)


def test_a_message_holds_up_to_1_000_events_in_their_order() -> None:
    read = read_message(body(numbered(MAX_EVENTS)))
    assert [event.event_id for event in read.events] == [str(number) for number in range(1_000)]
    assert read.refusal is None


@pytest.mark.parametrize("last", [EVENT, BAD])
def test_a_list_of_more_is_refused_whole(last: dict[str, str]) -> None:
    assert read_message(body([*numbered(MAX_EVENTS), last])) == (
        [],
        "a list of 1001 events: a message holds up to 1000",
    )


def test_of_a_list_of_many_more_it_is_not_told_how_many() -> None:
    assert read_message(body([EVENT] * 2 * MAX_EVENTS)) == (
        [],
        "a list of more than 1000 events: a message holds up to 1000",
    )


def test_an_empty_list_carries_nothing_and_breaks_nothing() -> None:
    assert read_message(b"[]") == ([], None)


def test_of_a_mixed_list_the_good_are_kept_and_the_bad_told_by_their_index() -> None:
    first, second = numbered(2)
    read = read_message(body([first, BAD, second, {"action": "stop"}, 5]))
    assert [event.event_id for event in read.events] == ["0", "1"]
    assert read.refusal == (
        f"element 1: {WRONG_ACTION}; element 3: patient_id: Field required; "
        "medication_name: Field required; event_time: Field required; "
        "element 4: Input should be a valid dictionary or instance of MedicationEvent"
    )


def test_what_can_not_be_seen_in_an_identifier_is_refused_and_named() -> None:
    events, refusal = read_message(body([EVENT, {**EVENT, "order_id": "7\u200b"}]))
    assert len(events) == 1
    assert refusal == "element 1: order_id: holds invisible characters: remove U+200B"


def test_an_empty_optional_field_is_an_absent_one() -> None:
    assert read_message(body({**EVENT, "order_id": "", "event_id": " "})) == (
        read_message(body(EVENT))
    )


def test_a_long_refusal_tells_the_first_ten_and_how_many_more() -> None:
    events, refusal = read_message(body([BAD] * 999 + [EVENT]))
    assert len(events) == 1
    assert refusal == "; ".join(f"element {at}: {WRONG_ACTION}" for at in range(10)) + (
        "; and 989 more"
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", NOT_JSON),
        (b"bad", NOT_JSON),
        (b"\xff\xfe{}", NOT_JSON),
        (b'{"patient_id": "\\ud800"}', NOT_JSON),
        (body(EVENT)[:-1], NOT_JSON),
        (body(EVENT) + b"\n" + body(EVENT), NOT_JSON),
        (body([EVENT])[:-1], NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b'{"patient_id":' * 100_000, NOT_JSON),
        (b"[" + body(EVENT) + b',{"deep":' + b"[" * 9_999 + b"]" * 9_999 + b"}]", NOT_JSON),
        (b"null", "Input should be an object"),
        (b'"start"', "Input should be an object"),
        (b"5", "Input should be an object"),
        (body(BAD), WRONG_ACTION),
    ],
)
def test_what_is_no_event_is_refused(sent: bytes, reason: str) -> None:
    events, refusal = read_message(sent)
    assert events == []
    assert refusal is not None
    assert refusal.startswith(reason)


def test_what_can_not_be_read_in_one_element_makes_the_whole_no_json() -> None:
    wrong = (
        b'{"patient_id": "\xff"}',
        b'{"event_id": 1e999}',
        b'{"order_id": ' + b"1" * 5_000 + b"}",
    )
    for each in wrong:
        events, refusal = read_message(b"[" + body(EVENT) + b"," + each + b"]")
        assert events == []
        assert refusal is not None
        assert refusal.startswith(NOT_JSON)


def test_the_last_of_several_fields_of_a_name_counts_however_it_is_spelled() -> None:
    twice = body(EVENT)[:-1] + b', "p\\u0061tient_id": "3"}'
    assert [event.patient_id for event in read_message(twice).events] == ["3"]


def test_white_space_around_a_field_is_left_out_even_where_it_is_long() -> None:
    for spaces in (1_000, 10_000):
        spaced = {**EVENT, "patient_id": "2".rjust(spaces)}
        assert read_message(body([spaced] * 2)) == read_message(body([EVENT] * 2))


def test_a_text_is_too_long_however_long_it_is() -> None:
    for characters in (129, 1_000_000):
        refusal = read_message(body({**EVENT, "patient_id": "x" * characters})).refusal
        assert refusal == "patient_id: String should have at most 128 characters"


def test_a_message_has_a_greatest_size() -> None:
    fits = body(EVENT).ljust(MAX_MESSAGE_BYTES)
    assert len(read_message(fits).events) == 1
    assert read_message(fits + b" ") == ([], "8388609 bytes: a message holds up to 8388608")


def test_the_greatest_size_has_room_for_1_000_of_the_longest_events() -> None:
    lengths = {"patient_id": 128, "medication_name": 256, "order_id": 128, "event_id": 128}
    longest = {**EVENT, **{field: "💊" * length for field, length in lengths.items()}}
    escaped = body([{**longest, "action": "cancel_start"}] * MAX_EVENTS)
    assert len(read_message(escaped).events) == MAX_EVENTS


def test_a_lone_event_is_written_as_itself_and_absent_fields_are_left_out() -> None:
    event = msgspec.convert(EVENT, MedicationEvent)
    assert json.loads(write_message([event])) == EVENT
    assert json.loads(write_message([event, event])) == [EVENT, EVENT]
