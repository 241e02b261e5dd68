"""Retention: which histories are over for good, and their deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consumer_app.periods import Role, histories, judge
from consumer_app.store import EventStore, HistoryKey
from contracts import MedicationEvent


@dataclass
class Purged:
    """What a purge deleted, or would delete."""

    events: int = 0
    histories: int = 0
    still_open: int = 0
    """Histories that are as old, and stay as the patient is still on the medication."""


async def purge_histories(store: EventStore, before: datetime, *, dry_run: bool) -> Purged:
    """Delete the histories whose last event is before a time, and which are not open.

    Raises:
        DatabaseUnavailable: the database can't be read or written; what is deleted stays so.

    """
    purged = Purged()
    async for patient_id in store.patients_before(before):
        over: list[HistoryKey] = []
        for history in histories(await store.events_of(patient_id)):
            if max(event.event_time for event in history) >= before:
                continue
            if _is_open(history):
                purged.still_open += 1
                continue
            purged.events += len(history)
            over.append(HistoryKey(patient_id, history[0].medication_name, history[0].order_id))
        purged.histories += len(over)
        if not dry_run:
            await store.delete(over, before)
    return purged


def _is_open(history: Sequence[MedicationEvent]) -> bool:
    roles = [verdict.role for verdict in judge(history)]
    return roles.count(Role.OPENED) > roles.count(Role.CLOSED)
