"""Rules 4 and 5: which periods of a medication become one; for the notation see notation.py."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from msgspec.structs import replace

from consumer_app.rules.periods import medication_periods
from tests.unit.rules.notation import events, hours, written_periods


@pytest.mark.parametrize(
    ("reported", "periods"),
    [
        ("A: start 0, stop 4; B: start 1, stop 2", "[0,4)"),
        ("A: start 0, stop 4; B: start 2, stop 2", "[0,4)"),
        ("A: start 0, stop 4; B: start 0, stop 0", "[0,0) [0,4)"),
        ("A: start 0, stop 4; B: start 4, stop 4", "[0,4) [4,4)"),
        ("A: start 2, stop 2; B: start 2, stop 2", "[2,2) [2,2)"),
        ("A: start 0, stop 2; B: start 4, stop 6; C: start 1, stop 5", "[0,6)"),
        ("A: start 0, stop 2; start 1, stop 3", "[0,3)"),
        ("A: start 0; B: start 2, stop 6", "[0,open)"),
        ("A: start 0, stop 3; B: start 2", "[0,open)"),
        ("A: start 0, stop 2; B: start 2", "[0,2) [2,open)"),
        ("A: start 0; B: start 2", "[0,open)"),
    ],
)
def test_periods_that_overlap_are_one_and_those_that_touch_stay_two(
    reported: str, periods: str
) -> None:
    for arrived in permutations(events(reported)):
        assert written_periods(medication_periods(arrived).periods) == periods


@pytest.mark.parametrize(
    ("reported", "gap", "periods"),
    [
        ("A: start 0, stop 2; B: start 2, stop 4", 0, "[0,4)"),
        ("start 0, stop 2, start 2, stop 4", 0, "[0,4)"),
        ("A: start 0, stop 4; B: start 0, stop 0", 0, "[0,4)"),
        ("start 0, stop 2, start 2.001, stop 4", 0, "[0,2) [2.001,4)"),
        ("start 0, stop 1, start 3, stop 4", 2, "[0,4)"),
        ("start 0, stop 1, start 3, stop 4", 1.999, "[0,1) [3,4)"),
        ("start 0, stop 1, start 3, stop 4, start 6", 2, "[0,open)"),
        ("start 0, stop 1, start 3, stop 4, start 7", 2, "[0,4) [7,open)"),
        ("A: start 0, stop 9; B: start 1, stop 2; C: start 11, stop 12", 2, "[0,12)"),
        ("start 0, stop 1, start 721, stop 722", 30 * 24, "[0,722)"),
        ("start 0, stop 1, start 721.001, stop 722", 30 * 24, "[0,1) [721.001,722)"),
    ],
)
def test_a_gap_of_at_most_the_merge_gap_is_joined(reported: str, gap: float, periods: str) -> None:
    assert written_periods(medication_periods(events(reported), hours(gap)).periods) == periods


def test_medications_never_join_even_with_a_merge_gap() -> None:
    both = events("start 0, stop 2", "A") + events("start 1, stop 3", "B")
    assert written_periods(medication_periods(both, hours(9)).periods) == "[0,2) [1,3)"


def test_a_joined_period_knows_the_events_at_its_two_ends() -> None:
    reported = events("A: start 0, stop 2; B: start 1, stop 4; C: start 2, stop 3")
    (period,) = medication_periods(reported).periods

    assert period.opened_by == events("A: start 0")[0]
    assert period.closed_by == events("B: stop 4")[0]


@pytest.mark.parametrize(
    "reported",
    [
        "A: start 0, stop 2; B: start 0, stop 4",
        "A: start 0, stop 4; B: start 0, stop 4",
        "A: start 0, stop 4; B: start 2, stop 4",
        "A: start 0; B: start 0",
    ],
)
def test_the_events_at_the_ends_do_not_depend_on_the_order_of_arrival(reported: str) -> None:
    answers = [medication_periods(arrived).periods for arrived in permutations(events(reported))]
    assert all(answer == answers[0] for answer in answers)


def test_a_stop_in_the_last_microsecond_of_time_closes_no_other_orders_open_period() -> None:
    (last_stop,) = (
        replace(each, event_time=datetime.max.replace(tzinfo=UTC)) for each in events("A: stop 9")
    )
    (period,) = medication_periods([*events("A: start 0; B: start 1"), last_stop]).periods
    assert (period.end, period.closed_by) == (None, None)
