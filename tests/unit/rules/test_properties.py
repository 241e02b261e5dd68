"""What holds for any events. The bounds are tiny, so that events meet in all ways that matter."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from consumer_app.rules.histories import FoldedHistory, Role, Verdict, fold_history
from consumer_app.rules.periods import MedicationPeriods, medication_periods
from contracts import Action, MedicationEvent
from tests.unit.rules import reference
from tests.unit.rules.notation import event, hour, hours

event_ids = st.sampled_from([None, "1", "2"])
instants = st.integers(0, 4)
any_event = st.builds(
    event,
    st.sampled_from(Action),
    instants,
    medication=st.sampled_from("XY"),
    order=st.sampled_from([None, "A", "B"]),
    event_id=event_ids,
)
any_events = st.lists(any_event, max_size=14)
one_history = st.lists(
    st.builds(event, st.sampled_from(Action), instants, event_id=event_ids), max_size=10
)
one_instant = st.builds(
    event, st.sampled_from(["start", "stop"]), st.just(1), event_id=st.sampled_from("123456")
)
crowded = st.builds(
    list.__add__,
    st.lists(one_instant, max_size=8),
    st.lists(st.builds(event, st.sampled_from(["start", "stop"]), st.sampled_from([0, 2]))),
)
gaps = st.sampled_from([hours(0), hours(1), hours(2), hours(3)])
any_gap = st.none() | gaps


def mistake(action: str, at: int, later: int) -> tuple[MedicationEvent, MedicationEvent]:
    """Build an event between the instants, and its cancel."""
    return event(action, at + 0.5), event(f"cancel_{action}", at + 0.5 + later)


mistakes = st.builds(mistake, st.sampled_from(["start", "stop"]), instants, st.integers(1, 5))


def everything(
    answer: MedicationPeriods,
) -> tuple[list[object], list[object], set[Verdict]]:
    return [*answer.periods], [*answer.anomalies], set(verdicts_of(answer.histories))


def verdicts_of(histories: list[FoldedHistory]) -> list[Verdict]:
    return [verdict for history in histories for verdict in history.verdicts()]


@given(any_events | crowded, any_gap)
def test_the_answer_is_the_one_that_the_literal_rules_give(
    events: list[MedicationEvent], gap: timedelta | None
) -> None:
    found = medication_periods(events, gap)
    anomalies, periods = reference.answer(events, gap)

    assert [(each.medication_name, each.start, each.end) for each in found.periods] == periods
    assert len(found.anomalies) == len(anomalies)
    assert {
        (e.event_time, e.medication_name, e.action, e.order_id, e.event_id, reason)
        for e, reason in found.anomalies
    } == anomalies


@given(any_events | crowded, any_gap, st.data())
def test_any_arrival_order_and_any_redelivery_give_the_same_answer(
    events: list[MedicationEvent], gap: timedelta | None, draw: st.DataObject
) -> None:
    again = draw.draw(st.lists(st.sampled_from(events), max_size=5) if events else st.just([]))
    arrived = draw.draw(st.permutations(events + again))

    assert everything(medication_periods(arrived, gap)) == everything(
        medication_periods(events, gap)
    )


@given(one_history)
def test_the_periods_of_an_order_are_sorted_and_never_overlap(
    history: list[MedicationEvent],
) -> None:
    folded = fold_history(history)
    periods = medication_periods(history).periods

    # As many as were opened: joining has not mended any that overlapped.
    assert len(periods) == len(folded.opened)
    assert folded.is_open == any(each.end is None for each in periods)
    assert [each.start for each in periods] == sorted(each.start for each in periods)
    assert all(each.end is None or each.start <= each.end for each in periods)
    for earlier, later in pairwise(periods):
        assert earlier.end is not None
        assert earlier.end <= later.start


@given(crowded)
def test_at_one_instant_starts_and_stops_take_turns_until_one_kind_is_used_up(
    history: list[MedicationEvent],
) -> None:
    folded = fold_history(history)
    at = hour(1)
    opened, closed = (
        sum(each.event_time == at for each in used) for used in (folded.opened, folded.closed)
    )
    left = {each.action for each in (*folded.redundant, *folded.unmatched) if each.event_time == at}

    assert abs(opened - closed) <= 1
    assert len(left) <= 1


@given(any_events, any_gap, mistakes)
def test_an_event_and_its_cancel_together_leave_the_answer_as_it_was(
    events: list[MedicationEvent],
    gap: timedelta | None,
    mistake: tuple[MedicationEvent, MedicationEvent],
) -> None:
    wrong, cancel = mistake
    others = [
        each
        for each in events
        if (each.medication_name, each.order_id) != (wrong.medication_name, wrong.order_id)
        or each.action not in (wrong.action, cancel.action)
        or not wrong.event_time < each.event_time < cancel.event_time
    ]

    with_both = medication_periods([*others, wrong, cancel], gap)
    without = medication_periods(others, gap)

    assert (with_both.periods, with_both.anomalies) == (without.periods, without.anomalies)


@given(any_events)
def test_each_event_is_used_or_cancelled_or_reported_exactly_once(
    events: list[MedicationEvent],
) -> None:
    periods, anomalies, histories, _ = medication_periods(events)
    verdicts = verdicts_of(histories)

    assert Counter(verdict.event for verdict in verdicts) == Counter(set(events))
    reported = {verdict.event for verdict in verdicts if verdict.role in ("redundant", "unmatched")}
    assert len(anomalies) == len(reported)
    assert {anomaly.event for anomaly in anomalies} == reported
    roles = {verdict.event: verdict.role for verdict in verdicts}
    assert all(roles[period.opened_by] is Role.OPENED for period in periods)
    assert all(roles[each.closed_by] is Role.CLOSED for each in periods if each.closed_by)


@given(one_history)
def test_a_cancel_and_what_it_took_away_name_each_other(history: list[MedicationEvent]) -> None:
    verdicts = {verdict.event: verdict for verdict in fold_history(history).verdicts()}
    for each_event, role, counterpart in verdicts.values():
        if counterpart is None:
            assert role not in (Role.CANCEL, Role.CANCELLED)
            continue
        assert verdicts[counterpart].counterpart == each_event
        assert {role, verdicts[counterpart].role} == {Role.CANCEL, Role.CANCELLED}
        if role is Role.CANCEL:
            assert each_event.action == f"cancel_{counterpart.action}"
            assert counterpart.event_time <= each_event.event_time


@given(any_events, any_gap, gaps)
def test_a_larger_merge_gap_only_ever_joins(
    events: list[MedicationEvent], gap: timedelta | None, more: timedelta
) -> None:
    fine = medication_periods(events, gap)
    coarse = medication_periods(events, more if gap is None else gap + more)

    assert len(coarse.periods) <= len(fine.periods)
    assert coarse.anomalies == fine.anomalies
    for medication in "XY":
        parts = [each for each in fine.periods if each.medication_name == medication]
        wholes = [each for each in coarse.periods if each.medication_name == medication]
        assert {each.start for each in wholes} <= {each.start for each in parts}
        assert {each.end for each in wholes} <= {each.end for each in parts}
        for part in parts:
            assert any(
                whole.start <= part.start
                and (whole.end is None or (part.end is not None and part.end <= whole.end))
                for whole in wholes
            )
