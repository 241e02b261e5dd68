"""What the store asks of each database: the statements that nearly all time goes to.

Each is one trip straight to the driver, where SQLAlchemy makes up to eight of them to the thread
of a SQLite connection. All other statements go through SQLAlchemy.
"""

import sys
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from consumer_app.storage.errors import DatabaseUnavailable, TooManyEvents, UnreadableEvents
from consumer_app.storage.tables import (
    CONSUMERS,
    EVENTS,
    KEY,
    NUMBER_OF_ACTION,
    RUNS,
)
from contracts import MedicationEvent

COLUMNS = (*KEY, "received_at", "run")
INTO_TABLE = f"INTO {EVENTS} ({', '.join(COLUMNS)})"
INSERT = f"INSERT {INTO_TABLE}"
# A run counts as another one for what a retracted run brought and that is not deleted yet, too:
# it is then as if the retracted one had never brought it.
ON_CONFLICT = f"""
    ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET run = CASE
        WHEN (SELECT retracted_at IS NULL FROM {RUNS} WHERE id = {EVENTS}.run) THEN -{EVENTS}.run
        ELSE excluded.run
    END
    WHERE {EVENTS}.run > 0 AND {EVENTS}.run <> excluded.run
"""  # noqa: S608 - words of ours alone
ON_NEXT_COMMIT = f"""
    ON CONFLICT (id) DO UPDATE
    SET last_received_at = excluded.last_received_at, commits = {CONSUMERS}.commits + 1
"""  # noqa: S608 - ours too
LAST_RECEIVED = f"SELECT max(last_received_at) FROM {CONSUMERS}"  # noqa: S608 - ours too

Row = tuple[Any, ...]
"""The values of COLUMNS, but of patient and medication their names instead of numbers."""


class Received(NamedTuple):
    """Reports that came together, as ``write_message`` writes them.

    So they take a third of the memory that they take as objects, and while the message's body is in
    hand nothing, as nearly always it is that.
    """

    written: bytes
    """Events that stand for themselves."""
    versions: bytes
    """Versions of records."""
    size: int
    """How many events they are; a version without any counts as one."""
    at: datetime
    """When, in UTC."""
    run: str | None
    """The name of the run that they belong to, if any."""
    source: str | None = None
    """Who brought them, if that is known."""


RunNumbers = Mapping[str | None, int]
"""The numbers of runs by their names; that of none is 0."""


MOST_EVENTS = 2_000
"""The events of a patient that are read at once: to explain them holds the event loop for 30 ms."""
EVENTS_A_TRIP = 20_000
EVENTS_A_PART = 5_000

Events = Sequence[MedicationEvent] | TooManyEvents | UnreadableEvents | DatabaseUnavailable
"""A patient's events, or why they are not there."""


class Found(NamedTuple):
    """What one trip has found, and when any consumer last stored anything, if ever.

    A patient who is not there was not reached: the trip was full.
    """

    events: Mapping[str, Events]
    last_received_at: datetime | None


class Backend(Protocol):
    """A database's table of events; raises what ``database_errors`` knows."""

    EVENTS_A_COMMIT: int
    """Up to as many events go into a commit together, while they wait for it."""
    BYTES_A_COMMIT: int
    """And up to as many bytes of them, as they are written."""

    async def prepare(self) -> None:
        """Make the database ready to be stored in, before the first ``insert``.

        Raises:
            UnusableDatabase: nothing can be stored in it.

        """

    async def insert(self, received: Sequence[Received], numbers: RunNumbers) -> bool:
        """Store events durably, all or, where some run is not open by its number, none.

        Of one that is there already only the run may change: see ``tables``. Where it returns True,
        a write of its own to the consumer's row is durable, and so is all before it.
        """

    async def read(self, patient_ids: Sequence[str]) -> Found:
        """Read the events of patients, each patient's in no set order, until the trip is full.

        None of whom there are more than MOST_EVENTS. The first patient is always reached.
        """

    def walk(
        self, patient_id: str, medication_names: Collection[str]
    ) -> AsyncGenerator[Sequence[MedicationEvent], None]:
        """Yield a patient's events in the order of the key, EVENTS_A_PART at a time.

        All are of one time, and of all medications or of those named.
        """

    async def close(self) -> None:
        """Give up what is held open."""


def one_of_many(values: Iterable[Any]) -> MedicationEvent:
    """Make an event of its fields' values; what many have in common is kept once.

    To keep what tells events apart like that would take more memory, not less.
    """
    *common, event_id = values
    kept: list[Any] = [sys.intern(v) if type(v) is str else v for v in common]
    kept.append(event_id)
    return MedicationEvent(*kept)


def row(
    event: MedicationEvent, medication_name: str, event_time: object, received_at: object, run: int
) -> Row:
    """Write an event as a row, the times as the driver takes them."""
    return (
        event.patient_id,
        medication_name,
        event_time,
        NUMBER_OF_ACTION[event.action],
        event.order_id or "",
        event.event_id or "",
        received_at,
        run,
    )
