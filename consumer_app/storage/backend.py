"""What the store asks of each database: the statements that nearly all time goes to.

Each is one trip straight to the driver, where SQLAlchemy makes up to eight of them to the thread
of a SQLite connection. All other statements go through SQLAlchemy.
"""

import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from consumer_app.recorded import RecordedEvent
from consumer_app.storage.errors import DatabaseUnavailable, TooManyEvents, UnreadableEvents
from consumer_app.storage.tables import (
    CONSUMERS,
    EVENTS,
    KEY,
    NUMBER_OF_ACTION,
    PATIENTS,
    RECORD_EVENTS,
    RECORD_VERSIONS,
    RUNS,
    RUNS_KEPT,
    digest_of,
)
from contracts import NO_REPORTS, MedicationEvent, read_written_versions


class Stored(NamedTuple):
    """A table of what runs bring: its name, its key, and all of its columns."""

    table: str
    key: Sequence[str]

    @property
    def columns(self) -> Sequence[str]:
        """The key, and behind it when a row first arrived and by which run."""
        return *self.key, "received_at", "run"

    @property
    def into(self) -> str:
        """What an INSERT goes into."""
        return f"INTO {self.table} ({', '.join(self.columns)})"

    @property
    def on_conflict(self) -> str:
        """What is done where a row is there already: only its run may change.

        A run counts as another one for what a retracted run brought and that is not deleted yet,
        too: it is then as if the retracted one had never brought it.
        """
        run = f"{self.table}.run"
        return f"""
            ON CONFLICT ({", ".join(self.key)}) DO UPDATE SET run = CASE
                WHEN (SELECT retracted_at IS NULL FROM {RUNS} WHERE id = {run}) THEN -{run}
                ELSE excluded.run
            END
            WHERE {run} > 0 AND {run} <> excluded.run
        """  # noqa: S608 - words of ours alone


STORED_EVENTS = Stored(EVENTS.name, KEY)
STORED_RECORD_EVENTS = Stored(RECORD_EVENTS.name, (*KEY, "record", "version"))
STORED_VERSIONS = Stored(RECORD_VERSIONS.name, ("record", "version"))
COLUMNS = STORED_EVENTS.columns
ON_NEXT_COMMIT = f"""
    ON CONFLICT (id) DO UPDATE
    SET last_received_at = excluded.last_received_at, commits = {CONSUMERS}.commits + 1
"""  # noqa: S608 - ours too
LAST_RECEIVED = f"SELECT max(last_received_at) FROM {CONSUMERS}"  # noqa: S608 - ours too

# What is behind the newest version is superseded; where a retraction has taken all versions
# already, so is what it has yet to take.
SUPERSEDED_BY = f"""
    nullif(coalesce((
        SELECT max(newest.version) FROM {RECORD_VERSIONS} AS newest
        WHERE newest.record = {RECORD_EVENTS}.record
    ), ''), {RECORD_EVENTS}.version)
"""  # noqa: S608 - ours too

# Of what was stored before runs were kept nobody knows whether one brought it.
_ARRIVED = f"""
    CASE WHEN run = 0 AND coalesce(received_at > (SELECT max(since) FROM {RUNS_KEPT}), true)
    THEN {{0}} END
"""  # noqa: S608 - ours too
# A version repeats what those before it have told.
_SAME = " AND ".join(f"earliest.{name} = {RECORD_EVENTS}.{name}" for name in (*KEY, "record"))
_FIRST_ARRIVED = f"""
    (
        SELECT {_ARRIVED} FROM {RECORD_EVENTS} AS earliest
        WHERE {_SAME} ORDER BY earliest.received_at LIMIT 1
    )
"""  # noqa: S608 - ours too
_NEWEST = f"""
    SELECT max(received_at) FROM (
        SELECT max(received_at) AS received_at FROM {EVENTS} WHERE patient = {{0}}
        UNION ALL
        SELECT max((
            SELECT max(received_at) FROM {RECORD_VERSIONS} AS told
            WHERE told.record = {RECORD_EVENTS}.record
        )) FROM {RECORD_EVENTS} WHERE patient = {{0}}
    ) AS reported
"""  # noqa: S608 - ours too


def arrival(received_at: str) -> tuple[str, str]:
    """Write when events first arrived, where it was by no run; of both tables, as is given."""
    return _ARRIVED.format(received_at), _FIRST_ARRIVED.format(received_at)


def newest(patient_id: str) -> str:
    """Write the statement that finds when the newest report about a patient arrived.

    Of the records of which the patient has events it takes all versions, also those without.
    """
    number = f"(SELECT number FROM {PATIENTS} WHERE patient_id = {patient_id})"  # noqa: S608
    return _NEWEST.format(number)


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

Events = list[MedicationEvent] | TooManyEvents | UnreadableEvents | DatabaseUnavailable
"""A patient's events, or why they are not there."""


class Found(NamedTuple):
    """What one trip has found, and when any consumer last stored anything, if ever.

    A patient who is not there was not reached: the trip was full.
    """

    events: Mapping[str, Events]
    last_received_at: datetime | None


class Reports(NamedTuple):
    """Events of a patient, and what is known of their arrival where that was asked."""

    events: list[MedicationEvent]
    arrivals: dict[MedicationEvent, datetime]
    """When those first arrived that came by no run; of what is older than the runs none."""
    newest: datetime | None = None
    """When the newest report about the patient arrived."""


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

    async def read_arrived(self, patient_id: str) -> tuple[Reports, datetime | None]:
        """Read a patient's events with their arrival, all of one time; raises TooManyEvents.

        Return, too, when any consumer last stored anything, if ever.
        """

    async def newest(self, patient_id: str) -> datetime | None:
        """Say when the newest report about a patient arrived, if any has."""

    def walk(
        self, patient_id: str, medication_names: Collection[str], *, arrived: bool = False
    ) -> AsyncGenerator[Reports, None]:
        """Yield a patient's events in the order of the key, EVENTS_A_PART at a time.

        All are of one time, and of all medications or of those named. When they ``arrived`` is told
        where that is asked; never which is the newest.
        """

    def walk_all(self) -> AsyncGenerator[Reports, None]:
        """Yield all patients' events in the order of the key, EVENTS_A_PART at a time.

        All are of one time, and nobody who stores waits for it, however long it lasts. Of one that
        can't be read the patient's number is told.
        """

    async def about_all(self) -> int:
        """Say about how many events all patients have; 0 where nobody has counted them yet."""

    async def close(self) -> None:
        """Give up what is held open."""


class VersionRows(NamedTuple):
    """Versions of records as rows, each once, still with names where numbers will be."""

    versions: Sequence[Row]
    """The columns of STORED_VERSIONS."""
    events: Sequence[Row]
    """The columns of STORED_RECORD_EVENTS."""
    records: Mapping[str, str]
    """The identifiers of their records, by the digests that stand in the rows."""

    @property
    def patients(self) -> list[str]:
        """Their patients, each once."""
        return [*dict.fromkeys(each[0] for each in self.events)]

    @property
    def medications(self) -> list[str]:
        """Their medications, each once."""
        return [*dict.fromkeys(each[1] for each in self.events)]

    def numbered(
        self,
        patients: Mapping[str, int],
        medications: Mapping[str, int],
        records: Mapping[str, int],
    ) -> "VersionRows":
        """Put numbers where names and digests are, and all in the order of the keys.

        The events are sorted patient by patient: see ``consumer_app.storage.sqlite``.
        """
        place = STORED_RECORD_EVENTS.key.index("record")
        of_patients: defaultdict[int, list[Row]] = defaultdict(list)
        for patient, medication, *rest in self.events:
            rest[place - 2] = records[rest[place - 2]]
            number = patients[patient]
            of_patients[number].append((number, medications[medication], *rest))
        return VersionRows(
            sorted((records[record], *rest) for record, *rest in self.versions),
            [each for number in sorted(of_patients) for each in sorted(of_patients[number])],
            self.records,
        )


def version_rows(
    received: Iterable[Received], numbers: RunNumbers, written: Callable[[datetime], object]
) -> VersionRows:
    """Make rows of all versions that were received, their times as the driver takes them."""
    versions: list[Row] = []
    events: list[Row] = []
    records: dict[str, str] = {}
    for each in received:
        if each.versions == NO_REPORTS:
            continue
        rest = written(each.at), numbers[each.run]
        for version in read_written_versions(each.versions):
            key = digest_of(version.record_id), version.record_version
            records[key[0]] = version.record_id
            versions.append((*key, *rest))
            for event in version.events:
                time = written(event.event_time)
                own = row(event, event.medication_name, time, *rest)[: len(KEY)]
                events.append((*own, *key, *rest))
    return VersionRows(
        each_once(versions, STORED_VERSIONS), each_once(events, STORED_RECORD_EVENTS), records
    )


def each_once(rows: Iterable[Row], of: Stored) -> Sequence[Row]:
    """Make equal rows one, which more than one run has brought where theirs differ."""
    size = len(of.key)
    found: dict[Row, Row] = {}
    for each in rows:
        key, run = each[:size], each[-1]
        first = found.setdefault(key, each)
        if abs(first[-1]) != run:
            found[key] = *first[:-1], -abs(first[-1])
    return [*found.values()]


def one_of_many(values: Iterable[Any], of_record: Sequence[Any]) -> MedicationEvent:
    """Make an event of its fields' values; what many have in common is kept once.

    ``of_record`` are those of a ``RecordedEvent``, or all None. To keep what tells events apart
    like that would take more memory, not less.
    """
    *common, event_id = values
    kept: list[Any] = [sys.intern(v) if type(v) is str else v for v in common]
    kept.append(event_id)
    return MedicationEvent(*kept) if of_record[0] is None else recorded_event(*kept, *of_record)


def recorded_event(*values: Any) -> RecordedEvent:  # noqa: ANN401 - those of its fields
    """Make an event of a record of its fields' values, in their order."""
    *own, record_id, version, superseded_by = values
    return RecordedEvent(
        *own, record_id=record_id, record_version=version, superseded_by=superseded_by
    )


def reports_of(rows: Iterable[Iterable[Any]]) -> Reports:
    """Make reports of rows: an event's fields, those of its record, and when it arrived."""
    events: list[MedicationEvent] = []
    arrivals: dict[MedicationEvent, datetime] = {}
    for *fields, record_id, version, superseded_by, arrived in rows:
        event = one_of_many(fields, (record_id, version, superseded_by))
        events.append(event)
        if arrived is not None:
            arrivals[event] = arrived
    return Reports(events, arrivals)


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
