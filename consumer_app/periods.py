"""How events become medication periods: the six rules, as pure functions.

1. Only event times order a history; the order of arrival never matters.
2. Cancels count: each takes away the latest report before it that is not yet taken away.
3. What is left is folded in time order into periods.
4. The periods of all orders of a medication join where they overlap.
5. Periods with a small gap between them join only when asked.
6. An event without effect is an anomaly with its reason; nothing is dropped in silence.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from contracts import Action, MedicationEvent

_TIME = attrgetter("event_time")

# Within one instant the reports come before the cancels, which may take away any of them.
_RANK = {
    Action.START: 0,
    Action.STOP: 1,
    Action.CANCEL_START: 2,
    Action.CANCEL_STOP: 3,
}
_CANCELS = {Action.CANCEL_START: Action.START, Action.CANCEL_STOP: Action.STOP}


class Role(StrEnum):
    """What an event did in its history."""

    OPENED = "opened"
    CLOSED = "closed"
    REDUNDANT = "redundant"
    CANCELLED = "cancelled"
    CANCEL = "cancel"
    UNMATCHED = "unmatched"


class Verdict(NamedTuple):
    """An event and its role.

    ``counterpart`` is the cancel of a cancelled event, and the cancelled event of a cancel.
    """

    event: MedicationEvent
    role: Role
    counterpart: MedicationEvent | None = None


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


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in UTC, with the events that opened and closed it.

    ``end`` and ``closed_by`` are None while the patient is still on the medication.
    """

    medication_name: str
    start: datetime
    end: datetime | None
    opened_by: MedicationEvent
    closed_by: MedicationEvent | None

    def meets(self, start: datetime | None, end: datetime | None) -> bool:
        """Say whether any of [start, end) is in the period; None leaves that side open.

        A period of zero length meets a window that holds its instant.
        """
        if end is not None and self.start >= end:
            return False
        return start is None or self.end is None or start < self.end or start <= self.start

    def holds_at(self, instant: datetime) -> bool:
        """Say whether the patient is on the medication at an instant; the end is outside."""
        return self.start <= instant and (self.end is None or instant < self.end)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An event without effect on the periods, and the reason."""

    medication_name: str
    order_id: str | None
    event_id: str | None
    action: Action
    event_time: datetime
    reason: Reason


class MedicationPeriods(NamedTuple):
    """Periods by start and medication; anomalies by event time and medication.

    ``verdicts`` holds each event once, in no set order: the periods and anomalies follow from it.
    """

    periods: list[Period]
    anomalies: list[Anomaly]
    verdicts: list[Verdict]


def medication_periods(
    events: Iterable[MedicationEvent], merge_gap: timedelta | None = None
) -> MedicationPeriods:
    """Turn one patient's events, in any order and with repeats, into periods and anomalies.

    ``merge_gap`` joins neighbouring periods of a medication whose gap is at most that long;
    without it only overlapping periods join. Costs n log n.
    """
    periods: defaultdict[str, list[Period]] = defaultdict(list)
    verdicts: list[Verdict] = []
    for history in histories(events):
        judged = judge(history)
        periods[history[0].medication_name] += _periods(judged)
        verdicts += judged
    joined = [period for each in periods.values() for period in _join(each, merge_gap)]
    joined.sort(key=lambda period: (period.start, period.medication_name, _end(period)))
    return MedicationPeriods(joined, sorted(_anomalies(verdicts), key=_anomaly_order), verdicts)


def judge(history: Iterable[MedicationEvent]) -> list[Verdict]:
    """Give each event of one history (a patient's medication and order) its role, by rules 1-3.

    Cancels and what they cancel come first; ``opened`` and ``closed`` alternate in time order.
    """
    reports, verdicts = _cancel(_in_time_order(history))
    verdicts += _fold(reports)
    return verdicts


def histories(events: Iterable[MedicationEvent]) -> Iterable[list[MedicationEvent]]:
    """Part one patient's events into histories: those of one medication and order."""
    parted: defaultdict[tuple[str, str | None], list[MedicationEvent]] = defaultdict(list)
    for event in events:
        parted[event.medication_name, event.order_id].append(event)
    return parted.values()


def _in_time_order(history: Iterable[MedicationEvent]) -> list[MedicationEvent]:
    """Rule 1. The key holds all that tells events of a history apart, so repeats fall together."""
    unique = {
        (event.event_time, _RANK[event.action], event.event_id or ""): event for event in history
    }
    return [unique[key] for key in sorted(unique)]


def _cancel(
    history: list[MedicationEvent],
) -> tuple[list[MedicationEvent], list[Verdict]]:
    """Rule 2. Return the reports that stand, at each instant stops before starts."""
    standing: dict[Action, list[MedicationEvent]] = {Action.START: [], Action.STOP: []}
    verdicts: list[Verdict] = []
    for event in history:
        cancels = _CANCELS.get(event.action)
        if cancels is None:
            standing[event.action].append(event)
        elif standing[cancels]:
            cancelled = standing[cancels].pop()
            verdicts.append(Verdict(cancelled, Role.CANCELLED, event))
            verdicts.append(Verdict(event, Role.CANCEL, cancelled))
        else:
            verdicts.append(Verdict(event, Role.UNMATCHED))
    return sorted(standing[Action.STOP] + standing[Action.START], key=_TIME), verdicts


def _fold(reports: list[MedicationEvent]) -> Iterator[Verdict]:
    """Rule 3. At one instant the stops come first where a period is open, else the starts."""
    is_open = False
    for _, same_instant in groupby(reports, key=_TIME):
        instant = list(same_instant)
        if not is_open and len(instant) > 1:
            instant.sort(key=lambda report: _RANK[report.action])
        for report in instant:
            if report.action is Action.START:
                yield Verdict(report, Role.REDUNDANT if is_open else Role.OPENED)
                is_open = True
            else:
                yield Verdict(report, Role.CLOSED if is_open else Role.UNMATCHED)
                is_open = False


def _periods(verdicts: Iterable[Verdict]) -> Iterator[Period]:
    opened: MedicationEvent | None = None
    for event, role, _ in verdicts:
        if role is Role.OPENED:
            opened = event
        elif role is Role.CLOSED and opened is not None:
            yield Period(event.medication_name, opened.event_time, event.event_time, opened, event)
            opened = None
    if opened is not None:
        yield Period(opened.medication_name, opened.event_time, None, opened, None)


def _join(periods: list[Period], merge_gap: timedelta | None) -> list[Period]:
    """Rules 4 and 5, over the periods of one medication."""
    joined: list[Period] = []
    for period in sorted(periods, key=_place):
        if joined and _belong_together(joined[-1], period, merge_gap):
            last = max(joined[-1], period, key=_end)
            joined[-1] = replace(joined[-1], end=last.end, closed_by=last.closed_by)
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


def _anomalies(verdicts: Iterable[Verdict]) -> Iterator[Anomaly]:
    """Rule 6."""
    for event, role, _ in verdicts:
        if role is Role.REDUNDANT or role is Role.UNMATCHED:
            yield Anomaly(
                medication_name=event.medication_name,
                order_id=event.order_id,
                event_id=event.event_id,
                action=event.action,
                event_time=event.event_time,
                reason=_REASONS[event.action],
            )


def _anomaly_order(anomaly: Anomaly) -> tuple[datetime, str, int, str, str]:
    return (
        anomaly.event_time,
        anomaly.medication_name,
        _RANK[anomaly.action],
        anomaly.order_id or "",
        anomaly.event_id or "",
    )
