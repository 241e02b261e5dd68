"""Events parted anew: from as many as are fetched at once into medications."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from itertools import groupby
from operator import attrgetter

from contracts import MedicationEvent

_WHOSE = attrgetter("patient_id", "medication_name")


async def by_medication(
    parts: AsyncIterable[Sequence[MedicationEvent]],
) -> AsyncGenerator[list[MedicationEvent], None]:
    """Yield the events of each medication of each patient, which come one behind another."""
    medication: list[MedicationEvent] = []
    async for part in parts:
        for whose, events in groupby(part, key=_WHOSE):
            if medication and _WHOSE(medication[0]) != whose:
                yield medication
                medication = []
            medication += events
    if medication:
        yield medication
