"""Events that are made straight of texts and a time are as the contract has them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import Action, MedicationEvent, explain_event, reasons
from publisher_app.formats.events import event_at
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.times import read_time

TEXTS = st.one_of(
    st.text('aZ09 -/"\\|\x00\x1f\x7f\u00a0\u00e9e\u0301\u200b\udc80', max_size=6),
    st.integers(127, 258).map("x".__mul__),
)
TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=1))]))


def explained(time: datetime, action: Action, texts: dict[str, str]) -> MedicationEvent | str:
    try:
        return explain_event({**texts, "action": action.value, "event_time": time.isoformat()})
    except ValidationError as error:
        return reasons(error)


@given(
    TIMES,
    st.sampled_from(Action),
    st.fixed_dictionaries(
        dict.fromkeys(("patient_id", "medication_name", "order_id", "event_id"), TEXTS)
    ),
)
def test_texts_and_a_time_are_the_event_that_the_contract_reads_or_have_its_reason(
    time: datetime, action: Action, texts: dict[str, str]
) -> None:
    try:
        made: MedicationEvent | str = event_at(time, action, **texts)
    except NoEvent as problem:
        made = str(problem)
    assert made == explained(time, action, texts)


def told(text: str, zone: ZoneInfo | None) -> str:
    try:
        return read_time(text, zone).isoformat()
    except ValueError as error:
        return str(error)


@given(
    st.datetimes().map(lambda time: time.isoformat(sep=" ")),
    st.lists(st.tuples(st.integers(0, 26), st.sampled_from("0269-:.,TZ+ ")), max_size=2),
    st.sampled_from(["", "Z", "+01:00", "-0530", " UTC"]),
)
@pytest.mark.parametrize("zone", [None, ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")])
def test_a_time_as_most_are_written_is_read_as_all_others_are(
    zone: ZoneInfo | None, text: str, changes: list[tuple[int, str]], offset: str
) -> None:
    for at, character in changes:
        text = text[:at] + character + text[at + 1 :]
    # With a space before it, it is not as most are.
    assert told(text + offset, zone) == told(f" {text}{offset}", zone)
