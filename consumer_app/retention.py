"""Retention: which histories are over for good, and their deletion."""

from dataclasses import dataclass
from datetime import datetime

from consumer_app.periods import medication_periods
from consumer_app.store import EventStore


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
    async for history, events in store.histories_before(before):
        if any(period.end is None for period in medication_periods(events).periods):
            purged.still_open += 1
            continue
        purged.histories += 1
        purged.events += len(events)
        if not dry_run:
            await store.delete(history, before)
    return purged
