"""The six rules a second time: literal, slow, and sharing nothing with consumer_app.rules.periods.

A period is (medication, start, end). An anomaly is (time, medication, action, order, event_id,
reason). The rules leave open which of two reports that differ in event_id alone is the later one,
and so which of them a cancel takes away: here and there it is the one with the greater event_id.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from contracts import Action, MedicationEvent

Span = tuple[datetime, datetime | None]
Named = tuple[str, datetime, datetime | None]
Unused = tuple[datetime, str, str, str | None, str | None, str]


def answer(
    events: Iterable[MedicationEvent], merge_gap: timedelta | None
) -> tuple[set[Unused], list[Named]]:
    different: list[MedicationEvent] = []
    for event in events:
        if event not in different:
            different.append(event)
    unused: set[Unused] = set()
    periods: list[Named] = []
    for medication in {event.medication_name for event in different}:
        taken = [event for event in different if event.medication_name == medication]
        spans: list[Span] = []
        for order in {event.order_id for event in taken}:
            history = [event for event in taken if event.order_id == order]
            spans += fold(standing(history, unused), unused)
        spans = join(spans, overlap)
        if merge_gap is not None:
            spans = join(spans, lambda one, other: gap_is_at_most(merge_gap, one, other))
        periods += [(medication, start, end) for start, end in spans]
    return unused, sorted(periods, key=lambda period: (period[1], period[0], ends(period[1:])))


def standing(history: list[MedicationEvent], unused: set[Unused]) -> list[MedicationEvent]:
    """Rule 2: what the cancels leave."""
    reports = [event for event in history if not event.action.startswith("cancel_")]
    cancels = [event for event in history if event.action.startswith("cancel_")]
    for cancel in sorted(cancels, key=when):
        candidates = [
            report
            for report in reports
            if cancel.action == "cancel_" + report.action and report.event_time <= cancel.event_time
        ]
        if candidates:
            reports.remove(max(candidates, key=when))
        else:
            kind = cancel.action.removeprefix("cancel_")
            unused.add(reported(cancel, f"cancel_{kind}_without_{kind}"))
    return reports


def fold(reports: list[MedicationEvent], unused: set[Unused]) -> list[Span]:
    """Rule 3, instant by instant: whatever changes something is taken for as long as there is any.

    What is left over of an instant then has no effect.
    """
    spans: list[Span] = []
    opened: datetime | None = None
    for instant in sorted({report.event_time for report in reports}):
        left = sorted((each for each in reports if each.event_time == instant), key=when)
        while turns := [each for each in left if (each.action == Action.START) == (opened is None)]:
            left.remove(turns[0])
            if opened is None:
                opened = instant
            else:
                spans.append((opened, instant))
                opened = None
        for report in left:
            reason = "redundant_start" if report.action == Action.START else "stop_without_start"
            unused.add(reported(report, reason))
    return spans if opened is None else [*spans, (opened, None)]


def join(spans: list[Span], belong_together: Callable[[Span, Span], bool]) -> list[Span]:
    """Rules 4 and 5: make one of any two that belong together, until there are none."""
    for place, one in enumerate(spans):
        for other in spans[place + 1 :]:
            if belong_together(one, other):
                rest = [span for span in spans if span is not one and span is not other]
                both: Span = (min(one[0], other[0]), max(one, other, key=ends)[1])
                return join([*rest, both], belong_together)
    return spans


def overlap(one: Span, other: Span) -> bool:
    """Tell whether each begins before the other ends; those that touch don't."""
    return (one[0], False) < ends(other) and (other[0], False) < ends(one)


def gap_is_at_most(gap: timedelta, one: Span, other: Span) -> bool:
    earlier, later = sorted((one, other), key=lambda span: (span[0], ends(span)))
    return earlier[1] is None or later[0] - earlier[1] <= gap


def ends(span: tuple[datetime, datetime | None]) -> tuple[datetime, bool]:
    """When a span ends; one that never does ends behind all others."""
    return (datetime.max.replace(tzinfo=span[0].tzinfo), True) if not span[1] else (span[1], False)


def when(event: MedicationEvent) -> tuple[datetime, str]:
    return event.event_time, event.event_id or ""


def reported(event: MedicationEvent, reason: str) -> Unused:
    return (
        event.event_time,
        event.medication_name,
        event.action,
        event.order_id,
        event.event_id,
        reason,
    )
