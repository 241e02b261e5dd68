"""Records as lines to read, where what a page has asked again by itself is one with the first."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlencode

from consumer_app.audit.records import REFRESH, Record
from contracts.text import legible


@dataclass
class Entry:
    """A record, and how often a page has asked for the same since."""

    record: Record
    refreshes: int = 0
    refreshed_at: str | None = None
    """The last time."""

    def line(self) -> str:
        """Write it with tabs between: what can't be seen is left out, as it could deceive."""
        record = self.record
        values = [
            record.time,
            record.kind,
            "" if record.outcome is None else str(record.outcome),
            record.subject,
            record.client,
            record.address,
            " ".join(filter(None, [record.method, record.route])),
            record.patient,
            urlencode(record.parameters, doseq=True),
        ]
        if self.refreshes:
            values.append(f"refreshed {self.refreshes} times until {self.refreshed_at}")
        return "\t".join(legible(value or "-") for value in values)


async def folded(records: AsyncIterator[Record]) -> AsyncIterator[Entry]:
    """Fold each ``refresh`` into what it repeats: who, from where, what, and its outcome.

    Within an hour of the clock: so no more than an hour's entries are held.
    """
    hour = ""
    entries: list[Entry] = []
    latest: dict[tuple[object, ...], Entry] = {}
    async for record in records:
        if hour != (hour := record.time[: len("2026-01-31T08")]):
            for each in entries:
                yield each
            entries, latest = [], {}
        key = _key(record)
        if record.kind == REFRESH and (entry := latest.get(key)):
            entry.refreshes += 1
            entry.refreshed_at = record.time
        else:
            entry = latest[key] = Entry(record)
            entries.append(entry)
    for each in entries:
        yield each


async def unfolded(records: AsyncIterator[Record]) -> AsyncIterator[Entry]:
    """Let each record be an entry."""
    async for record in records:
        yield Entry(record)


def _key(record: Record) -> tuple[object, ...]:
    who = record.subject, record.client, record.token, record.address
    return *who, record.outcome, record.route, record.patient, urlencode(record.parameters, True)
