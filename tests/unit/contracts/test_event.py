"""What an event may hold, and how text and times are read."""

from collections.abc import Mapping
from datetime import datetime

import pytest
from pydantic import ValidationError

from contracts import MedicationEvent, explain_event, reasons

VALID = {
    "patient_id": "2",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
TEXT_FIELDS = {"patient_id": 128, "medication_name": 256, "order_id": 128, "event_id": 128}
E_ACUTE, E_WITH_ACCENT = "\u00e9", "e\u0301"


def read(**fields: object) -> MedicationEvent:
    return explain_event({**VALID, **fields})


def refusal(fields: Mapping[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        explain_event(fields)
    return reasons(caught.value)


@pytest.mark.parametrize(("field", "longest"), TEXT_FIELDS.items())
def test_length_counts_what_is_left_after_trimming_and_normalising(
    field: str, longest: int
) -> None:
    for fits in ("x" * longest, f"  {'x' * longest}  ", E_WITH_ACCENT * longest, "💊" * longest):
        assert len(getattr(read(**{field: fits}), field)) == longest
    assert refusal({**VALID, field: "x" * (longest + 1)}) == (
        f"{field}: String should have at most {longest} characters"
    )


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize("value", [2, 2.5, True, False, 0, [], ["2"], {}, {"2": "2"}, "a\ud800b"])
def test_what_is_no_text_is_refused(field: str, value: object) -> None:
    assert refusal({**VALID, field: value}).startswith(f"{field}")


@pytest.mark.parametrize("empty", ["", "   ", "\u3000\n"])
def test_an_empty_text_is_refused_or_where_it_may_be_absent_is_absent(empty: str) -> None:
    too_short = "String should have at least 1 character"
    assert refusal({**VALID, "patient_id": empty, "medication_name": empty}) == (
        f"patient_id: {too_short}; medication_name: {too_short}"
    )
    assert read(order_id=empty, event_id=empty) == read()


@pytest.mark.parametrize("field", VALID)
def test_a_missing_field_is_named(field: str) -> None:
    given = {name: value for name, value in VALID.items() if name != field}
    assert refusal(given) == f"{field}: Field required"


def test_order_and_event_id_may_be_absent_or_null() -> None:
    assert read() == read(order_id=None, event_id=None)
    assert (read().order_id, read().event_id) == (None, None)


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert refusal({**VALID, "patient_id": "", "action": "pause"}) == (
        "patient_id: String should have at least 1 character; "
        "action: Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'"
    )


def test_unknown_fields_are_ignored() -> None:
    assert read(dose="5 mg", action_="stop") == read()


@pytest.mark.parametrize("action", ["START", "cancel", "cancel start", "", None, 1])
def test_only_the_four_actions_are_actions(action: object) -> None:
    assert refusal({**VALID, "action": action}).startswith("action: Input should be 'start'")


def test_an_action_is_read_as_an_identifier_is() -> None:
    assert read(action="\u00a0stop \n") == read(action="stop")
    assert refusal({**VALID, "action": "stop\ufeff"}) == (
        "action: holds invisible characters: remove U+FEFF"
    )


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2021-01-01T02:00:00Z", "2021-01-01T02:00:00+00:00"),
        (" 2021-01-01T02:00:00Z\n", "2021-01-01T02:00:00+00:00"),
        ("2021-01-01t02:00:00z", "2021-01-01T02:00:00+00:00"),
        ("2021-01-01T02:00:00+02:00", "2021-01-01T00:00:00+00:00"),
        ("2021-01-01T02:00:00-23:59", "2021-01-02T01:59:00+00:00"),
        ("2021-01-01T02:00:00-00:00", "2021-01-01T02:00:00+00:00"),
        ("2021-01-01T02:00:00.5Z", "2021-01-01T02:00:00.500000+00:00"),
        ("2021-01-01T02:00:00.123456Z", "2021-01-01T02:00:00.123456+00:00"),
        ("2021-01-01T02:00:00.123456999Z", "2021-01-01T02:00:00.123456+00:00"),
        ("2020-02-29T00:00:00Z", "2020-02-29T00:00:00+00:00"),
        ("1800-01-01T00:00:00Z", "1800-01-01T00:00:00+00:00"),
        ("1799-12-31T23:00:00-01:00", "1800-01-01T00:00:00+00:00"),
        ("2999-12-31T23:59:59.999999Z", "2999-12-31T23:59:59.999999+00:00"),
        (datetime.fromisoformat("2021-01-01T02:00:00+02:00"), "2021-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_kept_in_utc_to_the_microsecond(written: object, kept: str) -> None:
    assert read(event_time=written).event_time.isoformat() == kept


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (1_700_000_000, "is not a time with an offset"),
        (1.7e9, "is not a time with an offset"),
        (True, "is not a time with an offset"),
        (None, "is not a time with an offset"),
        (["2021-01-01T02:00:00Z"], "is not a time with an offset"),
        (datetime.fromisoformat("2021-01-01T02:00:00"), "is not a time with an offset"),
        ("1700000000", "is not an RFC 3339 time with an offset"),
        ("2021-01-01", "is not an RFC 3339 time with an offset"),
        ("2021-01-01T02:00:00", "is not an RFC 3339 time with an offset"),
        ("2021-01-01 02:00:00Z", "is not an RFC 3339 time with an offset"),
        ("2021-01-01T02:00Z", "is not an RFC 3339 time with an offset"),
        ("2021-01-01T02:00:00.Z", "is not an RFC 3339 time with an offset"),
        ("2021-01-01T02:00:00+0200", "is not an RFC 3339 time with an offset"),
        ("2021-01-01T02:00:00+24:00", "is not an RFC 3339 time with an offset"),
        ("2021-01-01T02:00:00+02:60", "is not an RFC 3339 time with an offset"),
        ("12021-01-01T02:00:00Z", "is not an RFC 3339 time with an offset"),
        ("٢٠٢١-01-01T02:00:00Z", "is not an RFC 3339 time with an offset"),
        ("", "is not an RFC 3339 time with an offset"),
        ("2016-12-31T23:59:60Z", "is a leap second, which cannot be kept"),
        ("0000-01-01T00:00:00Z", "is not a day and time that exist"),
        ("2021-02-29T00:00:00Z", "is not a day and time that exist"),
        ("2021-13-01T00:00:00Z", "is not a day and time that exist"),
        ("2021-01-01T24:00:00Z", "is not a day and time that exist"),
        ("2021-01-01T02:60:00Z", "is not a day and time that exist"),
        ("1799-12-31T23:59:59.999999Z", "lies outside the years 1800 to 2999 in UTC"),
        ("2999-12-31T23:59:59-00:01", "lies outside the years 1800 to 2999 in UTC"),
        ("9999-12-31T23:59:59-00:01", "lies outside the years 1 to 9999 in UTC"),
        ("0001-01-01T00:00:00+00:01", "lies outside the years 1 to 9999 in UTC"),
    ],
)
def test_what_is_no_time_with_an_offset_is_refused(written: object, reason: str) -> None:
    assert refusal({**VALID, "event_time": written}) == (
        f"event_time: {reason}: write it like 2021-01-01T02:00:00Z"
    )


@pytest.mark.fault("times of the years 1 and 9999, written where there is none")
@pytest.mark.parametrize("written", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_a_time_that_programs_write_where_they_know_none_is_refused(written: str) -> None:
    assert "lies outside the years 1800 to 2999 in UTC" in refusal({**VALID, "event_time": written})
