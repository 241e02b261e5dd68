"""Doubts: what the rules say of a period, and yet somebody should look at, as of an instant.

A period is what was reported. That nobody reported a stop does not show that there was none, and a
ward that reads "ongoing for 3,494 days" has to be told so. Doubts change no period.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from operator import attrgetter
from typing import NamedTuple

from consumer_app.rules.histories import FoldedHistory
from consumer_app.rules.periods import MedicationPeriods, Period
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
    """It is ongoing, and for long nothing was reported on its order."""
    OTHER_ORDER_STOPPED = "other_order_stopped"
    """It is ongoing, and another order of the medication was stopped since it began."""


class Doubt(NamedTuple):
    """One reason to look at a period."""

    kind: DoubtKind
    order_id: str | None
    """Of which order."""
    time: datetime
    """When what is doubtful happens or happened; of ``NOTHING_REPORTED`` the last that was."""
    received_at: datetime | None = None
    """Of ``REPORTED_LATE``: when the report arrived."""


class _Stop(NamedTuple):
    time: datetime
    history: FoldedHistory


def doubts(
    found: MedicationPeriods,
    now: datetime,
    quiet: timedelta,
    arrivals: Mapping[MedicationEvent, datetime] = _NONE_ARRIVED,
) -> list[list[Doubt]]:
    """Give the doubts of each of the periods that were found, by kind and order.

    ``quiet`` is how long nothing may be reported on an order that goes on. ``arrivals`` say when
    events arrived; of what is not in it nobody says that it was late. What a run brought, such as a
    file, has no place there: it tells of what is past. Costs n log n.
    """
    stops = _stops(found.histories, now)
    doubtful: list[list[Doubt]] = [[] for _ in found.periods]
    place_of = _Places(found.periods)
    for history in found.histories:
        for opened, closed in zip_longest(history.opened, history.closed):
            own = Period(opened, closed)
            others = stops[own.medication_name]
            doubtful[place_of(own)] += _doubts_of(own, history, now, quiet, others, arrivals)
    return [sorted(each, key=_rank) for each in doubtful]


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


def _stops(histories: Sequence[FoldedHistory], now: datetime) -> defaultdict[str, list[_Stop]]:
    """Give the stops until now by medication, each history's last one, latest first."""
    stops: defaultdict[str, list[_Stop]] = defaultdict(list)
    for history in histories:
        ended = [each for each in history.closed if each.event_time <= now]
        if ended:
            stops[ended[-1].medication_name].append(_Stop(ended[-1].event_time, history))
    for each in stops.values():
        each.sort(key=attrgetter("time"), reverse=True)
    return stops


def _doubts_of(
    own: Period,
    history: FoldedHistory,
    now: datetime,
    quiet: timedelta,
    stops: Sequence[_Stop],
    arrivals: Mapping[MedicationEvent, datetime],
) -> Iterator[Doubt]:
    order = own.opened_by.order_id
    for event in filter(None, (own.opened_by, own.closed_by)):
        if event.event_time > now:
            yield Doubt(DoubtKind.IN_FUTURE, order, event.event_time)
        arrival = arrivals.get(event)
        if arrival is not None and arrival - event.event_time > LATE:
            yield Doubt(DoubtKind.REPORTED_LATE, order, event.event_time, arrival)
    if own.end is not None or own.start > now:
        return
    last = _last_reported(history)
    if now - last > quiet:
        yield Doubt(DoubtKind.NOTHING_REPORTED, order, last)
    other = next((each for each in stops if each.history is not history), None)
    if other is not None and other.time > own.start:
        yield Doubt(DoubtKind.OTHER_ORDER_STOPPED, order, other.time)


def _last_reported(history: FoldedHistory) -> datetime:
    return max(verdict.event.event_time for verdict in history.verdicts())


def _rank(doubt: Doubt) -> tuple[str, str, datetime]:
    return doubt.kind, doubt.order_id or "", doubt.time
