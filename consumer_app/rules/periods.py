"""How events become medication periods: the seven rules, as pure functions.

1. Only event times order a history; the order of arrival never matters.
2. Cancels count: each takes away the latest report before it that is not yet taken away.
3. What is left is folded in time order into periods; at one instant starts and stops take turns.
4. The periods of all orders of a medication join where they overlap.
5. Periods with a small gap between them join only when asked.
6. An event without effect is an anomaly with its reason; nothing is dropped in silence.
7. Of a record only the events of its highest version count; the other rules go on from those.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, starmap, zip_longest
from operator import attrgetter
from typing import NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from consumer_app.recorded import RecordedEvent
from consumer_app.rules.histories import (
    RANK,
    FoldedHistory,
    Role,
    Verdict,
    fold_history,
    histories,
)
from consumer_app.rules.records import identity, part
from contracts import Action, MedicationEvent


class Reason(StrEnum):
    """Why an event has no effect on the periods."""

    REDUNDANT_START = "redundant_start"
    STOP_WITHOUT_START = "stop_without_start"
    CANCEL_START_WITHOUT_START = "cancel_start_without_start"
    CANCEL_STOP_WITHOUT_STOP = "cancel_stop_without_stop"


_REASONS = {
    Action.START: Reason.REDUNDANT_START,
    Action.STOP: Reason.STOP_WITHOUT_START,
    Action.CANCEL_START: Reason.CANCEL_START_WITHOUT_START,
    Action.CANCEL_STOP: Reason.CANCEL_STOP_WITHOUT_STOP,
}
_Rank = tuple[str, int, str, str, tuple[str, str]]
_BY_START = attrgetter("opened_by.event_time", "opened_by.medication_name")


class Period(Struct, frozen=True, gc=False):
    """[start, end) in UTC, as the events say that opened and closed it.

    ``end`` and ``closed_by`` are None while the patient is still on the medication.
    """

    opened_by: MedicationEvent
    closed_by: MedicationEvent | None

    @property
    def medication_name(self) -> str:
        """The medication that the patient is on."""
        return self.opened_by.medication_name

    @property
    def start(self) -> datetime:
        """When it began."""
        return self.opened_by.event_time

    @property
    def end(self) -> datetime | None:
        """When it ended, which is outside."""
        return None if self.closed_by is None else self.closed_by.event_time

    def overlaps(self, start: datetime | None, end: datetime | None) -> bool:
        """Say whether any of [start, end) is in the period; None leaves that side open.

        A period of zero length overlaps a window that holds its instant.
        """
        if end is not None and self.start >= end:
            return False
        return start is None or self.end is None or start < self.end or start <= self.start

    def holds_at(self, instant: datetime) -> bool:
        """Say whether the patient is on the medication at an instant; the end is outside."""
        return self.start <= instant and (self.end is None or instant < self.end)


class Anomaly(NamedTuple):
    """An event without effect on the periods, and the reason."""

    event: MedicationEvent
    reason: Reason


_Told = TypeVar("_Told", Anomaly, Verdict)
_WHEN = attrgetter("event.event_time")


class MedicationPeriods(NamedTuple):
    """Periods by start and medication; anomalies by event time and medication.

    ``histories`` tell what each event did: the periods and anomalies follow from it. What is
    ``superseded`` is in none of them.
    """

    periods: list[Period]
    anomalies: list[Anomaly]
    histories: list[FoldedHistory]
    superseded: list[RecordedEvent]

    def verdicts(self) -> list[Verdict]:
        """Say of each event what it did, in the order of time."""
        verdicts = [verdict for history in self.histories for verdict in history.verdicts()]
        verdicts += (Verdict(event, Role.SUPERSEDED) for event in self.superseded)
        return _in_order(verdicts)


def medication_periods(
    events: Iterable[MedicationEvent], merge_gap: timedelta | None = None
) -> MedicationPeriods:
    """Turn one patient's events, in any order and with repeats, into periods and anomalies.

    ``merge_gap`` joins neighbouring periods of a medication whose gap is at most that long;
    without it only overlapping periods join. Costs n log n.
    """
    counting, superseded = part(events)
    folded = [fold_history(history) for history in histories(counting)]
    by_medication: defaultdict[str, list[list[Period]]] = defaultdict(list)
    for history in folded:
        if periods := own_periods(history):
            by_medication[periods[0].medication_name].append(periods)
    joined = [period for orders in by_medication.values() for period in _join(orders, merge_gap)]
    # Of periods that begin together the one that ends first is first already.
    joined.sort(key=_BY_START)
    anomalies = [anomaly for history in folded for anomaly in _anomalies(history)]
    return MedicationPeriods(joined, _in_order(anomalies), folded, superseded)


def own_periods(history: FoldedHistory) -> list[Period]:
    """Give the periods of one history, in order; they never overlap."""
    return list(starmap(Period, zip_longest(history.opened, history.closed)))


def _join(orders: Sequence[list[Period]], merge_gap: timedelta | None) -> list[Period]:
    """Rules 4 and 5, over the periods of one medication's orders."""
    if len(orders) == 1 and merge_gap is None:
        return orders[0]  # the periods of one order are in order and never overlap
    joined: list[Period] = []
    for period in sorted((period for periods in orders for period in periods), key=_place):
        if joined and _belong_together(joined[-1], period, merge_gap):
            last = max(joined[-1], period, key=_end)
            joined[-1] = replace(joined[-1], closed_by=last.closed_by)
        else:
            joined.append(period)
    return joined


def _belong_together(earlier: Period, later: Period, merge_gap: timedelta | None) -> bool:
    """Overlapping periods do; periods that touch or lie apart do within the merge gap."""
    if earlier.end is None or later.start < earlier.end:
        return True
    return merge_gap is not None and later.start - earlier.end <= merge_gap


def _place(period: Period) -> tuple[datetime, tuple[bool, datetime], str]:
    """Order periods by time; of equal ones the order_id decides whose events a joined one shows."""
    return period.start, _end(period), period.opened_by.order_id or ""


def _end(period: Period) -> tuple[bool, datetime]:
    """Order ends by time; behind all of them comes the end that has not come yet."""
    return period.end is None, period.end or period.start


def _anomalies(history: FoldedHistory) -> Iterator[Anomaly]:
    """Rule 6."""
    for event in (*history.redundant, *history.unmatched):
        yield Anomaly(event, _REASONS[event.action])


def _in_order(told: list[_Told]) -> list[_Told]:
    """Order what is told by time, and of an instant the same way whatever the order of arrival.

    Of a giant's events, keys for all of them would take as much memory as the events.
    """
    told.sort(key=_WHEN)
    ordered: list[_Told] = []
    for _, instant in groupby(told, key=_WHEN):
        ordered += sorted(instant, key=_rank_in_instant)
    return ordered


def _rank_in_instant(told: Anomaly | Verdict) -> _Rank:
    event = told.event
    return (
        event.medication_name,
        RANK[event.action],
        event.order_id or "",
        event.event_id or "",
        identity(event),
    )
