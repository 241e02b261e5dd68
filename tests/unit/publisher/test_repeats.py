"""Equal events of one input are separate reports, and numbered alike whenever they are read."""

import pytest
from msgspec.structs import replace

from contracts import Action, MedicationEvent, explain_event
from publisher_app.formats.mapping import NoEvent
from publisher_app.repeats import Repeats

EVENT = explain_event(
    {
        "patient_id": "2",
        "medication_name": "Y",
        "action": "start",
        "event_time": "2021-01-01T02:00:00Z",
    }
)
OTHER = replace(EVENT, action=Action.STOP)


def numbered(*events: MedicationEvent) -> list[MedicationEvent]:
    return [*map(Repeats().number, events)]


def event_ids(*events: MedicationEvent) -> list[str | None]:
    return [event.event_id for event in numbered(*events)]


def test_repeated_events_are_numbered_as_the_separate_reports_that_they_are() -> None:
    assert event_ids(EVENT, OTHER, EVENT, OTHER, EVENT) == [
        None,
        None,
        "repeat-2",
        "repeat-2",
        "repeat-3",
    ]


def test_events_are_repeated_when_all_fields_are_equal() -> None:
    others = [replace(EVENT, order_id="7"), replace(EVENT, patient_id="3")]
    assert event_ids(EVENT, *others) == [None] * 3


def test_events_with_an_event_id_keep_it() -> None:
    named = replace(EVENT, event_id="a")
    assert event_ids(named, named, EVENT) == ["a", "a", None]


@pytest.mark.fault("equal rows beside an event_id like their numbers")
def test_an_event_id_of_the_reporting_system_is_never_taken_for_a_number() -> None:
    named = replace(EVENT, event_id="2")
    assert event_ids(EVENT, EVENT, named) == [None, "repeat-2", "2"]


@pytest.mark.parametrize("event_id", ["repeat-2", "repeat-1", "repeat-007"])
@pytest.mark.fault("equal rows beside an event_id like their numbers")
def test_an_event_id_that_is_like_a_number_of_ours_is_refused(event_id: str) -> None:
    with pytest.raises(NoEvent, match=r"^event_id: .*: write another one, or none$"):
        numbered(replace(EVENT, event_id=event_id))


@pytest.mark.parametrize("event_id", ["repeat-", "repeat-2a", "Repeat-2", "repeat 2", "repeat--2"])
def test_an_event_id_that_is_only_somewhat_like_one_is_kept(event_id: str) -> None:
    assert event_ids(replace(EVENT, event_id=event_id)) == [event_id]


@pytest.mark.fault("equal rows published again, in another order")
def test_another_reading_numbers_the_same_reports_the_same() -> None:
    assert numbered(EVENT, OTHER, EVENT) == numbered(EVENT, OTHER, EVENT)
    assert set(numbered(OTHER, EVENT, EVENT)) == set(numbered(EVENT, OTHER, EVENT))
    assert set(numbered(EVENT, EVENT, EVENT)) > set(numbered(EVENT, EVENT))
