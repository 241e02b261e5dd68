"""The quick reader and the explaining one agree: on valid, nearly valid and invalid events."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import Action, MedicationEvent, explain_event, read_plain_event
from contracts.message import ReadMessage, explain_message
from contracts.reading import read_plain, write_message

PLAIN = {
    "patient_id": "2",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
    "order_id": "7",
    "event_id": "pump-1",
}

texts = st.sampled_from(
    [
        "2",
        "Heparin 5 IU/ml",
        "x" * 128,
        "x" * 129,
        "x" * 257,
        "",
        " ",
        " 2",
        "2 ",
        "a  b",
        'a" b',
        'a "b',
        "a\\b",
        "a\tb",
        "a\x7fb",
        "a\u200bb",
        "a\u00a0b",
        "a\u3000 b",
        "a  b\ufeff",
        "می\u200cخورم",
        "\u00e9",
        "e\u0301",
        "\u00a02",
        "\ud800",
        "null",
        "2021-01-01T02:00:00Z",
    ]
)
times = st.sampled_from(
    [
        "2021-01-01T02:00:00Z",
        "2021-01-01T02:00:00.5Z",
        "2021-01-01T02:00:00.500000Z",
        "2021-01-01T02:00:00.123456Z",
        "2021-01-01T02:00:00.1234567Z",
        "2021-01-01T02:00:00.000000Z",
        "2021-01-01t02:00:00z",
        "2021-01-01 02:00:00Z",
        " 2021-01-01T02:00:00Z",
        "2021-01-01T02:00:00+00:00",
        "2021-01-01T02:00:00-00:00",
        "2021-01-01T02:00:00+02:00",
        "2021-01-01T02:00:00",
        "2021-01-01T02:00Z",
        "2021-01-01",
        "2021-01-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2021-02-29T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1799-12-31T23:59:59Z",
        "1799-12-31T23:59:59-00:01",
        "1800-01-01T00:00:00Z",
        "2999-12-31T23:59:59.999999Z",
        "3000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-00:01",
        "1609459200",
    ]
)
others = st.sampled_from([None, True, 0, 1609459200, 1.5, [], ["2"], {}, {"2": "2"}])
values = st.one_of(texts, times, others, st.sampled_from(["start", "stop", "START", "cancel"]))

plain_texts = st.text("abc XYZ09/-", min_size=1, max_size=12)
plain_texts = plain_texts.map(lambda text: " ".join(text.split())).filter(bool)
plain_events = st.builds(
    MedicationEvent,
    patient_id=plain_texts,
    medication_name=plain_texts,
    action=st.sampled_from(Action),
    event_time=st.datetimes(
        datetime(1800, 1, 1),  # noqa: DTZ001 - the zone is named apart
        datetime(2999, 12, 31),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    order_id=st.none() | plain_texts,
    event_id=st.none() | plain_texts,
)
nearly_valid = st.fixed_dictionaries(
    {},
    optional={
        "patient_id": texts,
        "medication_name": texts,
        "action": st.sampled_from(
            ["start", "stop", "cancel_start", "cancel_stop", " start", "stop\ufeff", ""]
        ),
        "event_time": times,
        "order_id": texts | st.none(),
        "event_id": texts | st.none(),
        "unknown": values,
    },
).map(lambda changes: PLAIN | changes)
any_fields = st.dictionaries(st.sampled_from([*PLAIN, "unknown"]), values)
fields = st.one_of(nearly_valid, any_fields)


def explained(given_fields: object) -> MedicationEvent | None:
    try:
        return explain_event(given_fields)
    except ValidationError:
        return None


@given(fields)
def test_of_fields_the_quick_reader_makes_the_event_of_the_explaining_one_or_none(
    given_fields: dict[str, object],
) -> None:
    quick = read_plain_event(given_fields)
    assert quick is None or quick == explained(given_fields)


@given(st.lists(nearly_valid | any_fields, min_size=1, max_size=3), st.data())
def test_of_a_body_the_quick_reader_reads_what_the_explaining_one_does_or_nothing(
    elements: list[dict[str, object]], draw: st.DataObject
) -> None:
    separators = draw.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    written = json.dumps(elements[0] if len(elements) == 1 else elements, separators=separators)
    body = written.encode()
    cut = body[: draw.draw(st.integers(0, len(body)))]
    for each in (body, cut, body + b" ", written.encode("utf-16")):
        quick = read_plain(each)
        assert quick is None or ReadMessage(quick) == explain_message(each)


@given(st.lists(plain_events, min_size=1, max_size=3))
def test_what_is_written_plainly_is_read_quickly(events: list[MedicationEvent]) -> None:
    body = write_message(events)
    assert read_plain(body) == events == explain_message(body).events


@pytest.mark.parametrize("optional", ["order_id", "event_id"])
def test_an_event_without_its_optional_fields_is_read_quickly_too(optional: str) -> None:
    rest = {name: value for name, value in PLAIN.items() if name != optional}
    assert read_plain_event(rest) == explain_event(rest)
