"""Which histories a purge deletes: as many as can go without a change to an answer about the rest.

Answers are compared in words, at each merge gap up to the promised one, and without any.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain, combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer_app.rules.histories import histories
from consumer_app.rules.periods import medication_periods
from consumer_app.upkeep.retention import expired
from contracts import Action, MedicationEvent
from tests.unit.rules.notation import event, events, hour, hours, written_periods

History = list[MedicationEvent]
Answer = Counter[object]

MOST = 4
any_event = st.builds(
    event,
    st.sampled_from(Action),
    st.integers(0, 9),
    medication=st.sampled_from("XY"),
    order=st.sampled_from([None, "A", "B", "C"]),
    event_id=st.sampled_from([None, "1"]),
)
spans = st.builds(
    lambda start, length, order: events(f"{order}: start {start}, stop {start + length}"),
    st.integers(0, 8),
    st.integers(0, 3),
    st.sampled_from("ABCD"),
)
# Mostly periods, so that they lie side by side and joined in all ways, and some of anything.
any_events = st.builds(
    lambda spans, others: [*chain(*spans), *others],
    st.lists(spans, max_size=6),
    st.lists(any_event, max_size=6),
)
TOUCHING = events("A: start 0, stop 4; B: start 4")


def parted(reported: Iterable[MedicationEvent]) -> list[History]:
    return [*histories(reported)]


def answer(reported: Iterable[MedicationEvent], gap: timedelta | None) -> Answer:
    """Count the periods and anomalies: those of two answers add up then."""
    found = medication_periods(reported, gap)
    return Counter([*found.periods, *found.anomalies])


def gaps_up_to(most: int) -> list[timedelta | None]:
    return [None, *map(hours, range(most + 1))]


def can_go(some: Sequence[History], rest: Sequence[History], most: int) -> bool:
    """Say whether the answer is that about some histories and that about the rest, side by side."""
    return all(
        answer(chain(*some, *rest), gap) == answer(chain(*some), gap) + answer(chain(*rest), gap)
        for gap in gaps_up_to(most)
    )


@given(any_events, st.integers(0, 10), st.integers(0, MOST))
@example(TOUCHING, 5, 0)
def test_answers_about_what_stays_are_the_same_for_any_merge_gap_up_to_the_given_one(
    reported: list[MedicationEvent], before: int, most: int
) -> None:
    gone = [*chain(*expired(reported, hour(before), hours(most)).separable)]
    staying = [each for each in reported if each not in gone]

    assert all(each.event_time < hour(before) for each in gone)
    for gap in gaps_up_to(most):
        gone_with = answer(gone, gap)
        assert all(getattr(each, "end", True) for each in gone_with), "an open period stays"
        assert answer(staying, gap) + gone_with == answer(reported, gap)
    assert expired(staying, hour(before), hours(most)).separable == [], "a second time"


@given(any_events, st.integers(0, 10), st.integers(0, MOST))
def test_no_history_stays_that_could_have_gone(
    reported: list[MedicationEvent], before: int, most: int
) -> None:
    reported = [each for each in reported if each.medication_name == "X"]
    over = [
        history
        for history in parted(reported)
        if max(each.event_time for each in history) < hour(before)
        and all(period.end for period in medication_periods(history).periods)
    ]
    most_that_can_go = next(
        count
        for count in range(len(over), -1, -1)
        if any(
            can_go(some, [each for each in parted(reported) if each not in some], most)
            for some in combinations(over, count)
        )
    )

    assert len(expired(reported, hour(before), hours(most)).separable) == most_that_can_go


@pytest.mark.parametrize(
    ("reported", "before", "most", "deleted", "kept"),
    [
        ("A: start 0, stop 4", 5, 0, "[0,4)", 0),
        ("A: start 0, stop 5", 5, 0, "", 0),
        ("A: start 0", 5, 0, "", 1),
        # They touch: a merge gap of nothing joins them.
        ("A: start 0, stop 4; B: start 4", 5, 0, "", 2),
        ("A: start 0, stop 4; B: start 5, stop 9", 6, 0, "[0,4)", 0),
        ("A: start 0, stop 4; B: start 5, stop 9", 6, 1, "", 1),
        # Joined with what stays by way of another that could go by itself.
        ("A: start 0, stop 1; B: start 2, stop 3; C: start 4", 4, 1, "", 2),
        # B stays for its later period, and keeps A, which lies beside its earlier one.
        ("A: start 0, stop 1; B: start 1, stop 2, start 7, stop 8; C: start 8", 8.5, 0, "", 3),
        ("A: start 0, stop 1, start 2, stop 3; B: start 5", 4, 1, "[0,1) [2,3)", 0),
    ],
)
def test_histories_go_as_a_whole_and_only_apart_from_what_stays(
    reported: str, before: float, most: float, deleted: str, kept: int
) -> None:
    found = expired(events(reported), hour(before), hours(most))

    gone = medication_periods(chain(*found.separable)).periods
    assert (written_periods(gone), found.kept) == (deleted, kept)


def test_medications_are_parted_from_each_other() -> None:
    found = expired(events("start 0, stop 4", "A") + events("start 4", "B"), hour(4.5), hours(MOST))
    assert found.separable == [events("start 0, stop 4", "A")]
