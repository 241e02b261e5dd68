"""Doubts: what is so by the rules, and yet somebody should look at."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumer_app.rules.doubts import Doubt, DoubtKind, doubts
from consumer_app.rules.periods import MedicationPeriods, medication_periods, own_periods
from contracts import MedicationEvent
from tests.records import BEGIN, any_event
from tests.unit.rules.notation import events, hour, hours

QUIET = timedelta(days=7)


def doubted(text: str, now: float, merge_gap: timedelta | None = None) -> list[list[str]]:
    """Write the doubts of each period: ``nothing_reported A 0``."""
    found = medication_periods(events(text), merge_gap)
    return [[*map(written, each)] for each in doubts(found, hour(now), QUIET)]


def written(doubt: Doubt) -> str:
    order = "" if doubt.order_id is None else f" {doubt.order_id}"
    count = "" if doubt.of_kind == 1 else f" x{doubt.of_kind}"
    return f"{doubt.kind}{order} {(doubt.time - hour(0)) / hours(1):g}{count}"


def test_a_period_that_ended_as_it_was_reported_is_not_doubted() -> None:
    assert doubted("start 0, stop 1", now=10_000) == [[]]


def test_an_order_that_goes_on_is_doubted_once_nothing_was_reported_for_long() -> None:
    assert doubted("start 0", now=168) == [[]]
    assert doubted("start 0", now=168.1) == [["nothing_reported 0"]]


def test_a_stop_that_is_planned_has_not_ended_the_order_yet() -> None:
    assert doubted("start 0, stop 9000", now=5000) == [["in_future 9000", "nothing_reported 0"]]
    assert doubted("A: start 0, stop 9000; B: start 1, stop 2", now=3) == [
        ["in_future A 9000", "other_order_stopped A 2"]
    ]


def test_an_order_whose_planned_stop_has_come_goes_on_no_longer() -> None:
    assert doubted("start 0, stop 400", now=400) == [[]]


def test_what_is_yet_to_happen_is_no_report_that_somebody_has_made() -> None:
    assert doubted("start 0, start 9000", now=5000) == [["nothing_reported 0"]]
    assert doubted("start 0, stop 100, cancel_stop 9000", now=5000) == [["nothing_reported 100"]]


def test_any_report_on_the_order_says_that_somebody_looked_at_it() -> None:
    assert doubted("start 0, start 100", now=200) == [[]]
    assert doubted("start 0, stop 90, cancel_stop 100", now=200) == [[]]
    assert doubted("A: start 0; B: start 100", now=200) == [["nothing_reported A 0"]]


def test_an_order_that_goes_on_is_doubted_where_another_was_stopped_meanwhile() -> None:
    assert doubted("A: start 0; B: start 1, stop 2", now=3) == [["other_order_stopped A 2"]]
    assert doubted("A: start 5; B: start 1, stop 2", now=6) == [[], []]


def test_a_stop_of_the_order_itself_is_none_of_another() -> None:
    assert doubted("A: start 0, stop 1, start 2", now=3) == [[], []]


def test_a_dose_that_takes_no_time_is_no_order_that_was_stopped() -> None:
    assert doubted("A: start 0; B: start 5, stop 5", now=6) == [[]]


def test_an_order_that_was_stopped_and_goes_on_again_was_not_stopped() -> None:
    assert doubted("A: start 0; B: start 1, stop 2, start 2", now=3) == [[]]
    assert doubted("A: start 0; B: start 1, stop 2, start 3, stop 9", now=4) == [["in_future B 9"]]
    text = "A: start 0; B: start 1, stop 2, start 5"
    assert doubted(text, now=4) == [["in_future B 5", "other_order_stopped A 2"]]


def test_of_several_orders_the_one_that_was_stopped_last_is_told() -> None:
    text = "A: start 0; B: start 1, stop 4; C: start 1, stop 3; D: start 5, stop 5"
    assert doubted(text, now=6) == [["other_order_stopped A 4"]]


def test_a_stop_of_another_order_that_is_planned_has_stopped_nothing_yet() -> None:
    assert doubted("A: start 0; B: start 1, stop 9", now=3) == [["in_future B 9"]]


def test_what_lies_in_the_future_is_a_plan() -> None:
    assert doubted("start 5", now=3) == [["in_future 5"]]
    assert doubted("start 0, stop 5", now=3) == [["in_future 5"]]
    assert doubted("start 0, stop 3", now=3) == [[]]


def test_a_planned_start_is_not_doubted_as_one_that_goes_on() -> None:
    assert doubted("A: start 0, stop 1; B: start 900", now=800) == [[], ["in_future B 900"]]


def test_of_each_kind_the_newest_is_told_of_a_joined_period_and_how_many_there_are() -> None:
    text = "A: start 0; B: start 1; C: start 2, stop 3"
    assert doubted(text, now=300) == [["nothing_reported B 1 x2", "other_order_stopped B 3 x2"]]


def test_a_doubt_is_told_of_the_period_that_its_order_is_part_of() -> None:
    assert doubted("A: start 0, stop 5; B: start 5, stop 5; C: start 5, stop 9", now=6) == [
        [],
        [],
        ["in_future C 9"],
    ]
    assert doubted("A: start 0, stop 5; C: start 6, stop 9", now=6, merge_gap=hours(1)) == [
        ["in_future C 9"]
    ]


def doubted_of_arrivals(text: str, now: float, *arrivals: float) -> list[list[Doubt]]:
    """Give the doubts where the reports arrived at these hours, in their order."""
    reported = events(text)
    arrived = dict(zip(reported, map(hour, arrivals), strict=True))
    return doubts(medication_periods(reported), hour(now), QUIET, arrived)


def test_what_was_reported_more_than_an_hour_late_is_told_with_when_it_arrived() -> None:
    assert doubted_of_arrivals("start 0, stop 9", 10, 1, 9) == [[]]
    told = Doubt(DoubtKind.REPORTED_LATE, None, hour(0), hour(1.5))
    assert doubted_of_arrivals("start 0, stop 9", 10, 1.5, 9) == [[told]]


def test_of_a_start_and_an_end_that_were_late_the_end_is_told() -> None:
    told = Doubt(DoubtKind.REPORTED_LATE, None, hour(9), hour(12), of_kind=2)
    assert doubted_of_arrivals("start 0, stop 9", 12, 12, 12) == [[told]]


def test_nobody_says_of_what_has_no_arrival_that_it_was_late() -> None:
    assert doubted("start 0, stop 9", now=10_000) == [[]]


def test_what_was_reported_just_now_of_long_ago_was_not_followed_by_silence() -> None:
    told = Doubt(DoubtKind.REPORTED_LATE, None, hour(0), hour(200))
    assert doubted_of_arrivals("start 0", 200, 200) == [[told]]
    assert doubted_of_arrivals("start 0", 368, 200) == [[told]]
    silence = Doubt(DoubtKind.NOTHING_REPORTED, None, hour(200))
    assert doubted_of_arrivals("start 0", 369, 200) == [[silence, told]]


def test_who_reports_a_plan_has_looked_at_the_order() -> None:
    planned = Doubt(DoubtKind.IN_FUTURE, None, hour(900))
    assert doubted_of_arrivals("start 0, stop 900", 300, 0, 200) == [[planned]]
    silence = Doubt(DoubtKind.NOTHING_REPORTED, None, hour(200))
    assert doubted_of_arrivals("start 0, stop 900", 400, 0, 200) == [[planned, silence]]


@st.composite
def any_patient(draw: st.DrawFn) -> list[MedicationEvent]:
    listed = draw(st.lists(any_event, max_size=12))
    return [each for each in listed if each.patient_id == "1"]


@given(any_patient(), st.integers(-2, 400), st.sampled_from([None, hours(0), hours(2)]), st.data())
def test_doubts_depend_on_what_was_reported_and_on_the_clock_alone(
    reported: list[MedicationEvent], now: int, gap: timedelta | None, data: st.DataObject
) -> None:
    at = BEGIN + hours(now)
    anew = data.draw(st.permutations(reported))
    expected = doubts(medication_periods(reported, gap), at, QUIET)
    assert doubts(medication_periods(anew, gap), at, QUIET) == expected


@given(any_patient(), st.integers(-2, 400), st.sampled_from([None, hours(0), hours(2)]))
def test_each_doubt_stands_at_a_period_that_gives_rise_to_it(
    reported: list[MedicationEvent], now: int, gap: timedelta | None
) -> None:
    at = BEGIN + hours(now)
    found = medication_periods(reported, gap)
    told = doubts(found, at, QUIET)
    assert len(told) == len(found.periods)
    for period, of_period in zip(found.periods, told, strict=True):
        kinds = [doubt.kind for doubt in of_period]
        assert kinds == sorted({*kinds})
        for doubt in of_period:
            if doubt.kind is DoubtKind.IN_FUTURE:
                assert doubt.time > at
                assert period.start <= doubt.time
                assert period.end is None or doubt.time <= period.end
            else:
                assert doubt.time <= at
                assert period.holds_at(at)
    assert silent(found, at) == sum(
        doubt.of_kind for each in told for doubt in each if doubt.kind is DoubtKind.NOTHING_REPORTED
    )


def silent(found: MedicationPeriods, at: datetime) -> int:
    """Count by definition the orders that go on, and of which nothing was reported for long."""
    count = 0
    for history in found.histories:
        times = [verdict.event.event_time for verdict in history.verdicts()]
        goes_on = any(each.holds_at(at) for each in own_periods(history))
        count += goes_on and all(at - time > QUIET for time in times if time <= at)
    return count
