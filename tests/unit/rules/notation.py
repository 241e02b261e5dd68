"""Events and periods as a reader checks them by eye. All of it is about patient 1.

``start 0, stop 1`` are two events at the hours 0 and 1. ``A: start 0; B: stop 1`` are of the orders
A and B. ``start 0#7`` has the event_id 7. Periods are written ``[0,1) [2,open)``.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from consumer_app.rules.periods import Anomaly, Period
from contracts import Action, MedicationEvent

_MIDNIGHT = datetime(2021, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


def hour(number: float) -> datetime:
    return _MIDNIGHT + number * _HOUR


def hours(number: float) -> timedelta:
    return number * _HOUR


def event(
    action: str,
    at: float,
    *,
    medication: str = "X",
    order: str | None = None,
    event_id: str | None = None,
) -> MedicationEvent:
    return MedicationEvent(
        patient_id="1",
        medication_name=medication,
        action=Action(action),
        event_time=hour(at),
        order_id=order,
        event_id=event_id,
    )


def events(text: str, medication: str = "X") -> list[MedicationEvent]:
    read = []
    for part in filter(None, text.split("; ")):
        order, _, listed = part.rpartition(": ")
        for each in listed.split(", "):
            action, when = each.split(" ")
            at, _, event_id = when.partition("#")
            read.append(
                event(
                    action,
                    float(at),
                    medication=medication,
                    order=order or None,
                    event_id=event_id or None,
                )
            )
    return read


def written_periods(periods: Iterable[Period]) -> str:
    return " ".join(f"[{_written(each.start)},{_written(each.end)})" for each in periods)


def written_anomalies(anomalies: Iterable[Anomaly]) -> str:
    return ", ".join(f"{reason} {_written(event.event_time)}" for event, reason in anomalies)


def _written(time: datetime | None) -> str:
    return "open" if time is None else f"{(time - _MIDNIGHT) / _HOUR:g}"
