"""Rule 7: of a record only the events of its highest version count."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from consumer_app.recorded import RecordedEvent
from consumer_app.rules.histories import Role
from consumer_app.rules.periods import Anomaly, Reason, medication_periods
from contracts import MedicationEvent, RecordVersion
from tests.records import PATIENTS, any_event, any_versions, event, newest_of, periods_of, version


def reported(versions: Sequence[RecordVersion]) -> list[RecordedEvent]:
    """Give the first patient's events of versions as the store does."""
    newest = {each.record_id: each.record_version for each in newest_of(versions)}
    found = []
    for of in versions:
        by = newest[of.record_id]
        superseded_by = None if by == of.record_version else by
        found += [recorded(each, of, superseded_by) for each in theirs(of.events)]
    return found


def theirs(events: Iterable[MedicationEvent]) -> list[MedicationEvent]:
    return [each for each in events if each.patient_id == PATIENTS[0]]


def recorded(each: MedicationEvent, of: RecordVersion, by: str | None) -> RecordedEvent:
    return RecordedEvent(
        *astuple(each),
        record_id=of.record_id,
        record_version=of.record_version,
        superseded_by=by,
    )


def counting(versions: Iterable[RecordVersion]) -> list[RecordedEvent]:
    return [recorded(each, of, None) for of in versions for each in theirs(of.events)]


@given(any_versions(), st.lists(any_event, max_size=4))
def test_superseded_events_change_no_period_and_are_no_anomalies(
    versions: list[RecordVersion], alone: list[MedicationEvent]
) -> None:
    found = medication_periods([*theirs(alone), *reported(versions)])
    without = medication_periods([*theirs(alone), *counting(newest_of(versions))])

    assert periods_of(found) == periods_of(without)
    assert found.anomalies == without.anomalies
    assert without.superseded == []


@given(any_versions())
def test_each_superseded_event_is_told_with_what_superseded_it(
    versions: list[RecordVersion],
) -> None:
    events = reported(versions)
    told = [each.event for each in medication_periods(events).verdicts()]
    superseded = [
        each.event for each in medication_periods(events).verdicts() if each.role is Role.SUPERSEDED
    ]
    assert set(told) == set(events)
    assert set(superseded) == {each for each in events if each.superseded_by}
    backwards = [each.event for each in medication_periods(events[::-1]).verdicts()]
    assert backwards == told


def test_a_record_that_moves_to_another_medication_leaves_nothing_behind() -> None:
    first = version("r/1", "1", event("start", 0), event("stop", 2))
    second = version(
        "r/1", "2", event("start", 0, medication="Y"), event("stop", 3, medication="Y")
    )
    found = medication_periods(reported([second, first]))
    assert [(each.medication_name, each.end) for each in found.periods] == [
        ("Y", event(hour=3).event_time)
    ]
    assert found.anomalies == []


def test_a_version_without_events_takes_the_record_back() -> None:
    versions = [version("r/1", "2"), version("r/1", "1", event())]
    assert medication_periods(reported(versions)).periods == []


def test_equal_events_of_two_records_are_two() -> None:
    versions = [version("r/1", "1", event()), version("r/2", "1", event())]
    [period], [anomaly], *_ = medication_periods(reported(versions))
    assert anomaly == Anomaly(anomaly.event, Reason.REDUNDANT_START)
    assert {
        each.record_id
        for each in (period.opened_by, anomaly.event)
        if isinstance(each, RecordedEvent)
    } == {"r/1", "r/2"}


def test_which_of_equal_events_opens_does_not_depend_on_arrival() -> None:
    events = reported([version("r/2", "1", event()), version("r/1", "1", event())])
    assert medication_periods(events).periods == medication_periods(events[::-1]).periods
