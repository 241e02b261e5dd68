"""The rules, case by case; notation.py says how the cases are written."""

from itertools import permutations

import pytest

from consumer_app.rules.histories import Role, fold_history
from consumer_app.rules.periods import Reason, medication_periods
from tests.unit.rules.notation import events, written_anomalies, written_periods

THE_RULES_TABLE = [
    # events, periods, anomalies
    ("", "", ""),
    ("start 0, stop 1", "[0,1)", ""),
    ("stop 1, start 0", "[0,1)", ""),
    ("start 0", "[0,open)", ""),
    ("stop 0", "", "stop_without_start 0"),
    ("start 0, start 1, stop 2", "[0,2)", "redundant_start 1"),
    ("start 0, stop 1, stop 2", "[0,1)", "stop_without_start 2"),
    ("start 0, stop 0", "[0,0)", ""),
    ("start 0, stop 2, start 2, stop 4", "[0,2) [2,4)", ""),
    ("start 0, stop 0, start 0#2, stop 2", "[0,0) [0,2)", ""),
    ("start 0, stop 2, start 2, stop 2#2", "[0,2) [2,2)", ""),
    ("start 0#1, start 0#2, start 0#3, stop 0, stop 3", "[0,0) [0,3)", "redundant_start 0"),
    ("start 0, cancel_start 1, start 2, stop 3, cancel_stop 4", "[2,open)", ""),
    ("start 0, start 1, cancel_start 2, stop 3", "[0,3)", ""),
    ("start 0, start 1, cancel_start 0, stop 3", "[1,3)", ""),
    ("start 0, stop 1, start 2, cancel_stop 3, stop 4", "[0,4)", "redundant_start 2"),
    ("start 0, stop 1, cancel_start 2", "", "stop_without_start 1"),
    ("cancel_start 0, start 1, stop 2", "[1,2)", "cancel_start_without_start 0"),
    ("start 0#1, start 0#2, cancel_start 0, stop 1", "[0,1)", ""),
    ("start 0, start 0, cancel_start 0, stop 1", "", "stop_without_start 1"),
    ("A: start 0, stop 4; B: start 2, stop 6", "[0,6)", ""),
    ("A: start 0, stop 2; B: start 2, stop 4", "[0,2) [2,4)", ""),
]

ALSO_WRITTEN_IN_THE_RULES = [
    # events, periods, anomalies
    # Rule 2: each cancel takes one event, the latest that stands; a cancel has an event_id too.
    ("start 0, cancel_start 1, cancel_start 2", "", "cancel_start_without_start 2"),
    ("start 0, start 1, cancel_start 2, cancel_start 3", "", ""),
    ("start 0, start 0#2, cancel_start 1, cancel_start 1#2, stop 2", "", "stop_without_start 2"),
    ("start 0, start 1, cancel_start 2, cancel_start 2, stop 3", "[0,3)", ""),
    ("start 0, stop 1, stop 2, cancel_stop 3", "[0,1)", ""),
    ("start 0, stop 2, stop 1, cancel_stop 1", "[0,2)", ""),
    ("start 0, stop 1, cancel_stop 0", "[0,1)", "cancel_stop_without_stop 0"),
    ("start 0, stop 1, cancel_stop 9", "[0,open)", ""),
    ("cancel_stop 0", "", "cancel_stop_without_stop 0"),
    ("start 0, stop 0, cancel_stop 0", "[0,open)", ""),
    ("start 0, stop 0, cancel_start 0", "", "stop_without_start 0"),
    # A cancel reaches its own order only.
    ("A: start 0; B: cancel_start 1", "[0,open)", "cancel_start_without_start 1"),
    ("A: start 0; cancel_start 1", "[0,open)", "cancel_start_without_start 1"),
    # Rule 3: start and stop at one instant, with more of the same.
    ("start 0, stop 2#1, stop 2#2, start 2, stop 4", "[0,2) [2,2)", "stop_without_start 4"),
    ("start 0, stop 2, start 2#1, start 2#2, stop 4", "[0,2) [2,4)", "redundant_start 2"),
    ("start 0#1, start 0#2, stop 0", "[0,0) [0,open)", ""),
    ("start 0, stop 0#1, stop 0#2", "[0,0)", "stop_without_start 0"),
    ("start 0, stop 0, start 1", "[0,0) [1,open)", ""),
    ("start 0, start 1, stop 1", "[0,1) [1,open)", ""),
    # A dose by the minute, and a start or a stop in the same minute.
    ("start 5#a, stop 5#b, start 5#c, stop 9#d", "[5,5) [5,9)", ""),
    ("start 0#a, stop 5#b, start 5#c, stop 5#d", "[0,5) [5,5)", ""),
    ("start 0#1, stop 0#2, start 0#3, stop 0#4, start 0#5", "[0,0) [0,0) [0,open)", ""),
    ("start 0, start 2#1, start 2#2, stop 2#3, stop 2#4", "[0,2) [2,2) [2,open)", ""),
    ("start 0, stop 2#1, stop 2#2, stop 2#3, start 2", "[0,2) [2,2)", "stop_without_start 2"),
    # A cancel takes its report away before the others of the instant take turns.
    ("start 5, stop 5, start 5#2, cancel_start 5, stop 9", "[5,5)", "stop_without_start 9"),
    ("start 0, stop 5, start 5, stop 5#2, cancel_stop 5", "[0,5) [5,open)", ""),
    # One with the report's own time takes that report; a late one can take its correction.
    ("start 8, stop 10, stop 11, cancel_stop 10", "[8,11)", ""),
    ("start 8, stop 10, stop 11, cancel_stop 12", "[8,10)", ""),
    # Rule 6 within an order: what another order's period covers is an anomaly all the same.
    ("A: start 0, stop 4; B: stop 2", "[0,4)", "stop_without_start 2"),
]


@pytest.mark.parametrize(
    ("reported", "periods", "anomalies"), THE_RULES_TABLE + ALSO_WRITTEN_IN_THE_RULES
)
def test_events_become_periods_and_anomalies_in_whatever_order_they_arrive(
    reported: str, periods: str, anomalies: str
) -> None:
    for arrived in permutations(events(reported)):
        answer = medication_periods(arrived)
        assert written_periods(answer.periods) == periods
        assert written_anomalies(answer.anomalies) == anomalies


def test_at_one_instant_reports_of_a_kind_take_their_turns_by_event_id() -> None:
    first, stop, second, third = history = events("start 0#1, stop 0, start 0#2, start 0#3")
    for arrived in permutations(history):
        folded = fold_history(arrived)
        assert (folded.opened, folded.closed) == ([first, second], [stop])
        assert folded.redundant == [third]


def test_one_medications_anomalies_never_hide_anothers_periods() -> None:
    sound = events("start 0, stop 1", medication="A")
    flawed = events("stop 0, cancel_start 0, start 1, start 2", medication="B")

    periods, anomalies, _, _ = medication_periods(flawed + sound)

    assert [each.medication_name for each in periods] == ["A", "B"]
    assert written_periods(periods) == "[0,1) [1,open)"
    assert {each.event.medication_name for each in anomalies} == {"B"}
    assert written_anomalies(anomalies) == (
        "stop_without_start 0, cancel_start_without_start 0, redundant_start 2"
    )


def test_an_anomaly_is_the_event_whole_and_its_reason() -> None:
    (stop,) = events("A: stop 5#7", medication="Y")

    assert medication_periods([stop]).anomalies == [(stop, Reason.STOP_WITHOUT_START)]


def test_the_verdicts_say_what_each_event_did() -> None:
    start, cancel, later, again, stop, stray = history = events(
        "start 0, cancel_start 1, start 2, start 3, stop 4, stop 5"
    )
    verdicts = fold_history(history).verdicts()
    assert {verdict.event: (verdict.role, verdict.counterpart) for verdict in verdicts} == {
        start: (Role.CANCELLED, cancel),
        cancel: (Role.CANCEL, start),
        later: (Role.OPENED, None),
        again: (Role.REDUNDANT, None),
        stop: (Role.CLOSED, None),
        stray: (Role.UNMATCHED, None),
    }
