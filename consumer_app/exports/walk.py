"""The walk over all patients: what there is of a medication at a time goes through the rules."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from consumer_app.rules.periods import Period, medication_periods
from consumer_app.storage.store import EventStore

Write = Callable[[str, Sequence[Period]], None]
"""Writes a patient's periods of one medication, by start, or some of them.

The next ones may be of the same medication, and are of the same patient where there are more.
"""

# All of a giant's would be in memory three times: as periods, as rows, and as they are written.
_PERIODS_AT_ONCE = 5_000
_EVENTS_BETWEEN = 5_000


@dataclass
class Exported:
    """What an export has written so far."""

    patients: int = 0
    """Those who have a period."""
    periods: int = 0


async def write_all(
    store: EventStore, write: Write, exported: Exported, tell: Callable[[int], None]
) -> None:
    """Write the periods of all patients, as they are at one time; keep the tally in ``exported``.

    The rules look at each medication by itself. So no more than the events of one medication of one
    patient are in memory, however many they have. ``tell`` is told now and then how many were read.

    Raises:
        DatabaseUnavailable: the database can't be read.
        UnreadableEvents: an event that is stored can't be read.

    """
    read = told = 0
    patient_id = None
    async with aclosing(store.all_medications()) as medications:
        async for events in medications:
            if periods := medication_periods(events).periods:
                exported.periods += len(periods)
                exported.patients += events[0].patient_id != patient_id
                patient_id = events[0].patient_id
                for first in range(0, len(periods), _PERIODS_AT_ONCE):
                    write(patient_id, periods[first : first + _PERIODS_AT_ONCE])
            read += len(events)
            if read - told >= _EVENTS_BETWEEN:
                tell(read)
                told = read
    tell(read)
