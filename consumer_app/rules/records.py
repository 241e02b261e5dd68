"""Rule 7: of a record only the events of its highest version count, whatever others say."""

from collections.abc import Iterable

from consumer_app.recorded import RecordedEvent
from contracts import MedicationEvent


def part(events: Iterable[MedicationEvent]) -> tuple[list[MedicationEvent], list[RecordedEvent]]:
    """Part events into those that count, and those of versions that others supersede."""
    counting: list[MedicationEvent] = []
    superseded: list[RecordedEvent] = []
    for event in events:
        if isinstance(event, RecordedEvent) and event.superseded_by is not None:
            superseded.append(event)
        else:
            counting.append(event)
    return counting, superseded


def identity(event: MedicationEvent) -> tuple[str, str]:
    """Name the record and version that an event is of; events that differ in it are different."""
    if isinstance(event, RecordedEvent):
        return event.record_id, event.record_version
    return "", ""
