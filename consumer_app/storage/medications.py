"""Reports parted anew: from as many as are fetched at once into medications."""

from collections.abc import AsyncGenerator, AsyncIterable
from itertools import groupby
from operator import attrgetter

from consumer_app.storage.backend import Reports

_WHOSE = attrgetter("patient_id", "medication_name")


async def by_medication(parts: AsyncIterable[Reports]) -> AsyncGenerator[Reports, None]:
    """Yield the reports of each medication of each patient, which come one behind another."""
    medication = Reports([], {})
    async for part in parts:
        for whose, group in groupby(part.events, key=_WHOSE):
            if medication.events and _WHOSE(medication.events[0]) != whose:
                yield medication
                medication = Reports([], {})
            events = [*group]
            medication.events.extend(events)
            if part.arrivals:
                known = (each for each in events if each in part.arrivals)
                medication.arrivals.update((each, part.arrivals[each]) for each in known)
    if medication.events:
        yield medication
