"""Doubts: what the rules say of a period, and yet somebody should look at, as of an instant.

A period is what was reported. That nobody reported a stop does not show that there was none, and a
ward that reads "ongoing for 3,494 days" has to be told so. Doubts change no period.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from consumer_app.rules.histories import FoldedHistory
from consumer_app.rules.periods import MedicationPeriods, Period, own_periods
from contracts import MedicationEvent

LATE = timedelta(hours=1)
"""What was reported later than that after it happened was not known while it mattered."""

USUAL_QUIET = timedelta(days=7)
"""For so long nothing may be reported on an order that goes on, where nobody says otherwise."""

_NONE_ARRIVED: Mapping[MedicationEvent, datetime] = {}


class DoubtKind(StrEnum):
    """Why a period deserves a look."""

    IN_FUTURE = "in_future"
    """It begins or ends later than now: that is a plan, and may change."""
    REPORTED_LATE = "reported_late"
    """Its start or its end was reported more than an hour after it happened."""
    NOTHING_REPORTED = "nothing_reported"
    """The patient is on it, and for long nothing was reported on its order."""
    OTHER_ORDER_STOPPED = "other_order_stopped"
    """The patient is on it, and another order of the medication was stopped since it began."""


class Doubt(NamedTuple):
    """One reason to look at a period."""

    kind: DoubtKind
    order_id: str | None
    """Of which order."""
    time: datetime
    """When what is doubtful happens or happened; of ``NOTHING_REPORTED`` when the last report of
    the order happened, or arrived where that is known and was later."""
    received_at: datetime | None = None
    """Of ``REPORTED_LATE``: when the report arrived."""
    of_kind: int = 1
    """How many of its kind the period has, of which this is the newest."""


def doubts(
    found: MedicationPeriods,
    now: datetime,
    quiet: timedelta,
    arrivals: Mapping[MedicationEvent, datetime] = _NONE_ARRIVED,
) -> list[list[Doubt]]:
    """Give the doubts of each of the periods that were found: of each kind the newest.

    ``quiet`` is how long nothing may be reported on an order that goes on. ``arrivals`` say when
    events first arrived; of what is not in it nobody says that it was late. What a run brought,
    such as a file, has no place there: it tells of what is past. Costs n log n.
    """
    of_histories = [own_periods(history) for history in found.histories]
    stops = _last_stops(of_histories, now)
    doubtful: list[list[Doubt]] = [[] for _ in found.periods]
    place_of = _Places(found.periods)
    for history, periods in zip(found.histories, of_histories, strict=True):
        for own in periods:
            stopped = stops.get(own.medication_name)
            doubtful[place_of(own)] += _doubts_of(own, history, now, quiet, stopped, arrivals)
    return [[*_newest_of_each_kind(each)] for each in doubtful]


class _Places:
    """Finds the period that an order's own has become part of, by its place among all."""

    def __init__(self, periods: Sequence[Period]) -> None:
        self._starts = [period.start for period in periods]
        self._opened = {period.opened_by: place for place, period in enumerate(periods)}
        self._of_medications: defaultdict[str, list[int]] = defaultdict(list)
        for place, period in enumerate(periods):
            self._of_medications[period.medication_name].append(place)

    def __call__(self, own: Period) -> int:
        place = self._opened.get(own.opened_by)
        if place is None:
            # Joined to one of its medication that began before, of which it is the last.
            of_medication = self._of_medications[own.medication_name]
            at = bisect_right(of_medication, own.start, key=self._starts.__getitem__)
            place = of_medication[at - 1]
        return place


def _last_stops(histories: Iterable[Sequence[Period]], now: datetime) -> Mapping[str, datetime]:
    """Say of each medication when an order of it was last stopped that no longer goes on.

    A dose, which takes no time, stops nothing.
    """
    stops: dict[str, datetime] = {}
    for periods in histories:
        if any(each.holds_at(now) for each in periods):
            continue
        for each in periods:
            if each.end is not None and each.start < each.end <= now:
                known = stops.get(each.medication_name, each.end)
                stops[each.medication_name] = max(known, each.end)
    return stops


def _doubts_of(
    own: Period,
    history: FoldedHistory,
    now: datetime,
    quiet: timedelta,
    stopped: datetime | None,
    arrivals: Mapping[MedicationEvent, datetime],
) -> Iterator[Doubt]:
    order = own.opened_by.order_id
    for event in filter(None, (own.opened_by, own.closed_by)):
        if event.event_time > now:
            yield Doubt(DoubtKind.IN_FUTURE, order, event.event_time)
        arrival = arrivals.get(event)
        if arrival is not None and arrival - event.event_time > LATE:
            yield Doubt(DoubtKind.REPORTED_LATE, order, event.event_time, arrival)
    if not own.holds_at(now):
        return
    last = _last_reported(history, now, arrivals)
    if now - last > quiet:
        yield Doubt(DoubtKind.NOTHING_REPORTED, order, last)
    if stopped is not None and stopped > own.start:
        yield Doubt(DoubtKind.OTHER_ORDER_STOPPED, order, stopped)


def _last_reported(
    history: FoldedHistory, now: datetime, arrivals: Mapping[MedicationEvent, datetime]
) -> datetime:
    """Say when the newest report happened, or arrived where that was later.

    When a plan was made is known by its arrival alone.
    """
    events = [verdict.event for verdict in history.verdicts()]
    happened = (event.event_time for event in events if event.event_time <= now)
    arrived = (arrivals[event] for event in events if event in arrivals)
    return max(chain(happened, arrived))


def _newest_of_each_kind(doubts_of_period: Iterable[Doubt]) -> Iterator[Doubt]:
    kinds: defaultdict[DoubtKind, list[Doubt]] = defaultdict(list)
    for doubt in doubts_of_period:
        kinds[doubt.kind].append(doubt)
    for _, each in sorted(kinds.items()):
        yield max(each, key=_newness)._replace(of_kind=len(each))


def _newness(doubt: Doubt) -> tuple[datetime, datetime, str]:
    return doubt.time, doubt.received_at or doubt.time, doubt.order_id or ""
