"""The store of events: appends durably, reads a patient's events back."""

import sys
from collections import defaultdict
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, NamedTuple, Self, TypeVar
from uuid import uuid4

import stamina
from pydantic import Field
from sqlalchemy import (
    ColumnElement,
    Delete,
    FromClause,
    RowMapping,
    ScalarSelect,
    Select,
    String,
    Subquery,
    Table,
    Update,
    and_,
    delete,
    except_,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    union,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumer_app.recorded import FullEvent
from consumer_app.storage import runs
from consumer_app.storage.backend import Backend, Events, Found, Received, Reports
from consumer_app.storage.database import USUAL_CACHE_BYTES, open_database
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents, database_errors
from consumer_app.storage.medications import by_medication
from consumer_app.storage.opening import Following, Migrating, Opening
from consumer_app.storage.postgres import PostgresBackend
from consumer_app.storage.replicas import Replication, replication
from consumer_app.storage.runs import Counted, Run, Span
from consumer_app.storage.schema import USUAL_TERMS, Terms
from consumer_app.storage.sqlite import SqliteBackend
from consumer_app.storage.tables import (
    CONSUMERS,
    EVENTS,
    KEY,
    MEDICATIONS,
    NUMBERED,
    NUMBERING,
    PATIENTS,
    RECORD_EVENTS,
    RECORD_VERSIONS,
    RECORDS,
    OptionalText,
)
from consumer_app.storage.writing import Writer
from contracts import (
    FIELDS,
    RECORD_FIELDS,
    CanonicalMessage,
    MedicationEvent,
    Report,
    canonical_reports,
)
from runtime.batching import Batcher

PAGE_ORDER = (
    "event_time",
    *(name for name in FIELDS if name not in {"patient_id", "event_time"}),
    *RECORD_FIELDS,
)
"""The fields by which one patient's events are put in order, page by page."""

Place = tuple[Any, ...]
"""The values of PAGE_ORDER: behind the event that has them a page ends."""

_NO_TEXT = literal("", OptionalText())
_NEWEST_VERSION = RECORD_VERSIONS.alias("newest")
_NEWEST_OF_RECORD = (
    select(func.coalesce(func.max(_NEWEST_VERSION.c.version), ""))
    .where(_NEWEST_VERSION.c.record == RECORD_EVENTS.c.record)
    .scalar_subquery()
)
_ANSWERED = (*PAGE_ORDER, "received_at", "superseded_by")


class _Kind(NamedTuple):
    """One of the two tables of events, with what an answer takes of it."""

    table: Table
    named: FromClause
    columns: Mapping[str, ColumnElement[Any]]


def _kind(
    table: Table, of_record: dict[str, ColumnElement[Any]], *joined: tuple[Table, str]
) -> _Kind:
    named: FromClause = table.outerjoin(MEDICATIONS, table.c.medication == MEDICATIONS.c.number)
    for other, column in joined:
        named = named.join(other, table.c[column] == other.c.number)
    own = {name: column for name, column in table.c.items() if name not in NUMBERED.values()}
    columns = {**own, "medication_name": MEDICATIONS.c.medication_name, **of_record}
    return _Kind(table, named, columns)


_EVENTS_ALONE = _kind(
    EVENTS,
    {
        "record_id": _NO_TEXT,
        "record_version": _NO_TEXT,
        # Of a record it may be empty, and is then no absent one.
        "superseded_by": literal(None, String()),
    },
)
_EVENTS_OF_RECORDS = _kind(
    RECORD_EVENTS,
    {
        "record_id": RECORDS.c.record_id,
        "record_version": RECORD_EVENTS.c.version,
        "superseded_by": func.nullif(_NEWEST_OF_RECORD, RECORD_EVENTS.c.version),
    },
    (RECORDS, "record"),
)
_BOTH_KINDS = (_EVENTS_ALONE, _EVENTS_OF_RECORDS)
_TABLES = (EVENTS, RECORD_EVENTS)
_NEWEST = select(func.max(CONSUMERS.c.last_received_at).label("at"))
_LAST_RECEIVED = _NEWEST.subquery()
# Each consumer that is still there has its row again with its next commit.
_FORGET_CONSUMERS = delete(CONSUMERS).where(
    CONSUMERS.c.last_received_at < _NEWEST.scalar_subquery()
)
_PATIENTS_AT_ONCE = 1_000
# Between these two are halves of pairs, which are no characters.
_BEFORE_HALVES, _BEHIND_HALVES = 0xD7FF, 0xE000
_OF_RECORD = (*RECORD_FIELDS, "superseded_by")
# Each of the two tables is read once, whatever their sizes; only the numbers are sorted.
_RECORDS_OF_NOBODY = select(
    except_(
        select(RECORDS.c.number).where(RECORDS.c.record_id.is_not(None)),
        select(RECORD_EVENTS.c.record),
    ).subquery()
)
_FORGET_RECORDS = (
    update(RECORDS).where(RECORDS.c.number.in_(_RECORDS_OF_NOBODY)).values(record_id=None)
)
# Waits for what is being stored, and tells those who store behind it.
_GIVE_NUMBERS_UP = update(NUMBERING).values({NUMBERING.c.given_up: NUMBERING.c.given_up + 1})


class HistoryKey(NamedTuple):
    """A patient's medication and order."""

    patient_id: str
    medication_name: str
    order_id: str | None


class HistorySize(NamedTuple):
    """How many events a history has."""

    alone: int
    """Those that stand for themselves."""
    of_records: int = 0
    """Those of records, whichever version counts."""
    counting: int = 0
    """Of these, those whose version counts."""

    @property
    def events(self) -> int:
        """All of them."""
        return self.alone + self.of_records


class ReceivedEvent(FullEvent, frozen=True, kw_only=True, omit_defaults=False):
    """An event as it is stored."""

    received_at: Annotated[datetime, Field(description="When it first arrived, in UTC.")]


Event = TypeVar("Event", bound=MedicationEvent)


class Reading(NamedTuple, Generic[Event]):
    """Events, and how fresh what was read is."""

    events: list[Event]
    last_received_at: datetime | None
    """When any consumer last stored what it had received; None if never."""


class EventStore:
    """Medication events in a database, each of them once."""

    def __init__(
        self, engine: AsyncEngine, terms: Terms = USUAL_TERMS, *, read_only: bool = False
    ) -> None:
        self._engine = engine
        self._opening: Opening = (
            Following(engine, self._let_go) if read_only else Migrating(engine, terms)
        )
        kind = SqliteBackend if engine.dialect.name == "sqlite" else PostgresBackend
        self._backend: Backend = kind(engine, consumer=uuid4().hex)
        self._writer = Writer(engine, self._backend)
        self._writes = Batcher(self._insert, most=1.0)
        self._reads = Batcher(self._read_patients)
        self._prepared = False
        self._write_problem: str | None = None

    @classmethod
    def at(
        cls,
        url: str,
        terms: Terms = USUAL_TERMS,
        cache_bytes: int = USUAL_CACHE_BYTES,
        *,
        read_only: bool = False,
    ) -> Self:
        """Make the store for a database URL; ``async with`` opens it.

        Where it is ``read_only``, it reads what other processes make, migrate and store.
        """
        engine = open_database(url, cache_bytes, read_only=read_only)
        return cls(engine, terms, read_only=read_only)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._let_go()

    async def _let_go(self) -> None:
        # In this order: what is opened in between is opened anew.
        await self._engine.dispose()
        await self._backend.close()

    async def look(self) -> None:
        """See whether it can be read.

        Raises:
            UnusableDatabase: this program can't work with it.
            DatabaseUnavailable: it can't be read now, or not yet.

        """
        async with self._opened():
            pass

    async def prepare(self) -> None:
        """Make ready to store: the schema the newest, and durable what is there.

        Raises:
            UnusableDatabase: nothing can be stored in it before somebody has acted.
            DatabaseUnavailable: it can't be written now; the first ``add`` prepares it then.

        """
        with database_errors("written"):
            await self._opening.ensure()
            if not self._prepared:
                await self._backend.prepare()
                async with self._engine.begin() as connection:
                    await connection.execute(_FORGET_CONSUMERS)
                self._prepared = True

    async def add(
        self,
        reports: Sequence[Report],
        run: str | None = None,
        source: str | None = None,
    ) -> None:
        """Store the reports of a run durably; one that is there already changes nothing.

        It is kept in mind, though, when another run brings it. What arrives of a retracted run is
        counted, and not stored; who is its ``source`` is noted. Goes on trying for as long as the
        database is away, locked or full.
        """
        await self.add_written(canonical_reports(reports), run, source)

    async def add_written(
        self, message: CanonicalMessage, run: str | None = None, source: str | None = None
    ) -> None:
        """Store what a message reports, likewise."""
        written, versions, size, _ = message
        if size:
            received = Received(written, versions, size, datetime.now(UTC), run, source)
            await self._writes.submit([received], self._part_of_a_commit(received))

    async def read(
        self, patient_id: str, medication_names: Collection[str] = ()
    ) -> Reading[MedicationEvent]:
        """Read a patient's events, of all medications or of those named, in no set order.

        Raises:
            TooManyEvents: there are more of the patient than are read at once; see ``medications``.
            UnreadableEvents: one of them can't be read.

        """
        async with self._opened():
            found = await self._reads.submit([patient_id])
            # The first of a trip is always reached.
            while patient_id not in found.events:
                found = await self._reads.submit([patient_id])
            reading = _reading(found, patient_id)
        if medication_names:
            events = [each for each in reading.events if each.medication_name in medication_names]
            return reading._replace(events=events)
        return reading

    async def read_arrived(
        self, patient_id: str, medication_names: Collection[str] = ()
    ) -> tuple[Reports, datetime | None]:
        """Read likewise, and when the events arrived; all as it was at one time.

        When the newest report arrived is told of all medications.

        Raises:
            TooManyEvents, UnreadableEvents: as ``read``.

        """
        async with self._opened():
            reports, last_received_at = await self._backend.read_arrived(patient_id)
        if medication_names:
            events = [each for each in reports.events if each.medication_name in medication_names]
            reports = reports._replace(events=events)
        return reports, last_received_at

    async def medications(
        self, patient_id: str, medication_names: Collection[str] = (), *, arrived: bool = False
    ) -> AsyncGenerator[Reports, None]:
        """Yield a patient's events, however many they are: those of one medication at a time.

        They come in no set order of the medications, all as they were at one time. When they
        ``arrived`` is told where that is asked.

        Raises:
            UnreadableEvents: one of them can't be read.

        """
        async with (
            self._opened(),
            aclosing(self._backend.walk(patient_id, medication_names, arrived=arrived)) as parts,
            aclosing(by_medication(parts)) as medications,
        ):
            async for reports in medications:
                yield reports

    async def all_medications(self) -> AsyncGenerator[list[MedicationEvent], None]:
        """Yield all patients' events: those of one medication of a patient at a time.

        The medications of a patient come one behind another, in no set order, all events as they
        were at one time.

        Raises:
            UnreadableEvents: one of them can't be read.

        """
        async with (
            self._opened(),
            aclosing(self._backend.walk_all()) as parts,
            aclosing(by_medication(parts)) as medications,
        ):
            async for reports in medications:
                yield reports.events

    async def about_all(self) -> int:
        """Say about how many events all patients have; 0 where that is not known."""
        async with self._opened():
            return await self._backend.about_all()

    async def newest(self, patient_id: str) -> datetime | None:
        """Say when the newest report about a patient arrived; None where nothing is stored."""
        async with self._opened():
            return await self._backend.newest(patient_id)

    async def has_more_than(
        self, most: int, patient_id: str, medication_names: Collection[str] = ()
    ) -> bool:
        """Say whether a patient has more events, of all medications or of those named."""
        found = []
        for table in _TABLES:
            chosen = _is_patient(table, patient_id)
            if medication_names:
                named = MEDICATIONS.c.medication_name.in_(medication_names)
                chosen &= table.c.medication.in_(select(MEDICATIONS.c.number).where(named))
            # By the key: see what PostgreSQL does else, in its backend.
            key = (table.c[name] for name in KEY[1:])
            one = literal(1).label("one")
            ordered = select(one).where(chosen).order_by(*key).limit(most + 1).subquery()
            found.append(select(ordered.c.one))
        both = union_all(*found).subquery()
        return bool(await self._read(select(both).offset(most).limit(1)))

    async def last_received_at(self) -> datetime | None:
        """Say when any consumer last stored what it had received; None if never."""
        (row,) = await self._read(_NEWEST)
        at: datetime | None = row["at"]
        return at

    async def events_of(self, patient_id: str) -> Sequence[MedicationEvent]:
        """Read a patient's events alone, however many they are, in no set order."""
        return [each async for part in self.medications(patient_id) for each in part.events]

    async def read_page(
        self, patient_id: str, limit: int, after: Place | None = None
    ) -> Reading[ReceivedEvent]:
        """Read up to ``limit`` of a patient's events in ``PAGE_ORDER``, from behind ``after``."""
        pages = [_page(kind, patient_id, limit, after) for kind in _BOTH_KINDS]
        both = union_all(*(select(page) for page in pages)).subquery()
        order = [both.c[name] for name in PAGE_ORDER]
        page = select(both).order_by(*order).limit(limit).subquery()
        # In one statement, and so of one time; the first column is there without any event, too.
        joined = _LAST_RECEIVED.outerjoin(page, true())
        statement = select(_LAST_RECEIVED.c.at, page).select_from(joined)
        with _unreadable_events():
            rows = await self._read(statement.order_by(*(page.c[name] for name in PAGE_ORDER)))
        events = []
        for values in map(dict, rows):
            last_received_at = values.pop("at")
            if values["action"] is None:
                continue
            if values["medication_name"] is None:
                raise UnreadableEvents
            if values["record_id"] is None:
                for name in _OF_RECORD:
                    del values[name]
            events.append(ReceivedEvent(patient_id=patient_id, **values))
        return Reading(events, last_received_at)

    async def patients_from(self, prefix: str, limit: int) -> list[str]:
        """List the first patients whose identifiers begin with a prefix, in their order."""
        name = PATIENTS.c.patient_id
        found = select(name).where(name >= prefix).order_by(name).limit(limit)
        behind = _behind(prefix)
        if behind is not None:
            found = found.where(name < behind)
        return [row[name] for row in await self._read(found)]

    async def patients_before(self, before: datetime) -> AsyncIterator[str]:
        """Yield the patients that have an event before a time, in order.

        They are read in parts: a read that lasts keeps the database from reusing its log.
        """
        after = 0
        while part := await self._read(_patients_before(before, after)):
            for row in part:
                yield row[PATIENTS.c.patient_id]
            after = part[-1][PATIENTS.c.number]

    async def delete(self, histories: Mapping[HistoryKey, HistorySize]) -> Collection[HistoryKey]:
        """Delete histories of that size; return which were deleted.

        One that has grown meanwhile stays: what has come may have changed its periods. The versions
        of its records stay, too, so that none that comes late counts in their place.
        """
        with database_errors("written"):
            async with self._engine.begin() as connection:
                return [
                    key
                    for key, size in histories.items()
                    if await _delete_history(connection, key, size)
                ]

    async def count(self, patient_id: str) -> int:
        """Count a patient's events."""
        counts = (_count(table, _is_patient(table, patient_id)) for table in _TABLES)
        (row,) = await self._read(select(_sum(counts).label("events")))
        events: int = row["events"]
        return events

    async def erase(self, patient_id: str) -> int:
        """Delete a patient's events and identifier; return how many events those were.

        The versions of records stay, without which an older one would count again; the identifiers
        of records that nobody has an event of any more do not.
        It may be interrupted, and repeated. An event that comes later begins the patient anew.
        """
        events, events_of_records = (
            delete(table).where(_is_patient(table, patient_id)) for table in _TABLES
        )
        with database_errors("written"):
            async with self._engine.begin() as connection:
                erased = (await connection.execute(events)).rowcount
            # In a transaction of its own, the numbering first: who stores has a lock on it, and may
            # wait for an event that is being deleted.
            async with self._engine.begin() as connection:
                await connection.execute(_GIVE_NUMBERS_UP)
                for deletion in (events, events_of_records):
                    erased += (await connection.execute(deletion)).rowcount
                await connection.execute(_FORGET_RECORDS)
                await connection.execute(
                    delete(PATIENTS).where(PATIENTS.c.patient_id == patient_id)
                )
        return erased

    async def forget_names(self) -> int:
        """Delete the identifiers of patients and records that have no events.

        Return how many patients those were. Those who come meanwhile are left alone, or are given
        another number; records keep theirs, and their versions.
        """
        if await self._read(_RECORDS_OF_NOBODY.limit(1)):
            await self._forget(_FORGET_RECORDS)
        number = PATIENTS.c.number
        (row,) = await self._read(select(func.coalesce(func.max(number), 0).label("last")))
        forgotten = 0
        for after in range(0, row["last"], _PATIENTS_AT_ONCE):
            of_nobody = number.between(after + 1, after + _PATIENTS_AT_ONCE), ~_has_events()
            if await self._read(select(number).where(*of_nobody).limit(1)):
                forgotten += await self._forget(delete(PATIENTS).where(*of_nobody))
        return forgotten

    async def _forget(self, statement: Delete | Update) -> int:
        with database_errors("written"):
            async with self._engine.begin() as connection:
                await connection.execute(_GIVE_NUMBERS_UP)
                return (await connection.execute(statement)).rowcount

    async def runs(self) -> list[Run]:
        """List the runs of which anything has arrived, in that order."""
        return [Run(**row) for row in await self._read(runs.all_runs())]

    async def sources(self) -> Mapping[int, Sequence[str]]:
        """Tell who brought something of the runs, by their numbers, in the order of arrival."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        for row in await self._read(runs.all_sources()):
            found[row["run"]].append(row["source"])
        return found

    async def retract(self, run: Run) -> None:
        """See to it that nothing is stored of a run any more.

        What is there stays until ``delete_run`` has deleted it, span by span.
        """
        with database_errors("written"):
            async with self._engine.begin() as connection:
                await connection.execute(runs.retraction(run))

    async def spans(self) -> AsyncIterator[Span]:
        """Part the patients into spans with some thousand events each."""
        after: int | None = 0
        while after is not None:
            found = await self._read(runs.end_of_span(after))
            last = found[0]["patient"]
            yield Span(after, last)
            after = last

    async def counts(self, span: Span) -> Mapping[int, Counted]:
        """Count events and patients of a span by the ``run`` that stands in the table."""
        found = await self._read(runs.counts(span))
        return {each["run"]: Counted(each["events"], each["patients"]) for each in found}

    async def delete_run(self, run: Run, span: Span) -> int:
        """Delete what a run alone has brought of a span; return how many events that were."""
        with database_errors("written"):
            async with self._engine.begin() as connection:
                return sum(
                    [
                        (await connection.execute(deletion)).rowcount
                        for deletion in runs.deletions(run, span)
                    ]
                )

    async def count_versions(self, run: Run) -> int:
        """Count the versions of records that a run alone has brought."""
        (row,) = await self._read(runs.count_of_versions(run))
        versions: int = row["versions"]
        return versions

    async def delete_versions(self, run: Run) -> int:
        """Delete the versions of records that a run alone has brought: lower ones count again.

        Return how many those were.
        """
        with database_errors("written"):
            async with self._engine.begin() as connection:
                return (await connection.execute(runs.deletion_of_versions(run))).rowcount

    async def partitions(self) -> int:
        """Count the partitions of the table, in PostgreSQL."""
        counting = f"SELECT count(*) FROM pg_inherits WHERE inhparent = '{EVENTS}'::regclass"  # noqa: S608
        with database_errors("read"):
            async with self._engine.connect() as connection:
                count: int = await connection.scalar(text(counting))
                return count

    async def problem(self) -> str | None:
        """Say why events can't be read now, or None."""
        try:
            # Of nobody: whether an event can be read is a matter of its patient, and of a table in
            # partitions one is enough.
            await self._read(select(EVENTS.c.run).where(EVENTS.c.patient == 0).limit(1))
        except DatabaseUnavailable as error:
            return str(error)
        return None

    async def replication(self) -> Replication | None:
        """Say how far the database has come as a replica; None where it is none."""
        async with self._opened():
            return await replication(self._engine)

    async def write_problem(self) -> str | None:
        """Say why what waits to be stored can't be, or None: also where nothing waits."""
        return self._write_problem

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """Have it open to read; what keeps it from that is DatabaseUnavailable."""
        try:
            with database_errors("read"):
                await self._opening.ensure()
                yield
        except DatabaseUnavailable:
            self._opening.doubt()
            raise

    async def _read(self, statement: Select[Any]) -> Sequence[RowMapping]:
        async with self._opened(), self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            result = await connection.execute(statement)
            rows: Sequence[RowMapping] = result.mappings().all()
            return rows

    async def _read_patients(self, patient_ids: Sequence[str]) -> Found:
        """Read in one trip; where it fails, for each patient alone: one may be at fault."""
        patients = [*dict.fromkeys(patient_ids)]
        try:
            with database_errors("read"):
                return await self._backend.read(patients)
        except (DatabaseUnavailable, UnreadableEvents):
            if len(patients) == 1:
                raise
        return await self._read_alone(patients)

    async def _read_alone(self, patients: Sequence[str]) -> Found:
        events: dict[str, Events] = {}
        read: list[Found] = []
        failures = 0
        for patient_id in patients:
            try:
                with database_errors("read"):
                    read.append(await self._backend.read([patient_id]))
            except UnreadableEvents as error:
                events[patient_id] = error
            except DatabaseUnavailable as error:
                events[patient_id] = error
                failures += 1
                if failures > 1 and not read:
                    # It is the database, then, and nobody else is to wait for it.
                    raise
        for found in read:
            events |= found.events
        # The earliest: what is told must hold for each.
        return Found(events, read[0].last_received_at if read else None)

    def _part_of_a_commit(self, received: Received) -> float:
        size = len(received.written) + len(received.versions)
        return max(
            received.size / self._backend.EVENTS_A_COMMIT, size / self._backend.BYTES_A_COMMIT
        )

    async def _insert(self, received: Sequence[Received]) -> None:
        try:
            async for attempt in stamina.retry_context(
                DatabaseUnavailable, attempts=None, timeout=None
            ):
                with attempt:
                    await self._insert_once(received)
        finally:
            # Given up, too: with its connection a message goes to another consumer.
            self._write_problem = None

    async def _insert_once(self, received: Sequence[Received]) -> None:
        try:
            await self.prepare()
            with database_errors("written"):
                await self._writer.write(received)
        except DatabaseUnavailable as error:
            self._write_problem = str(error)
            # Connected to anew, the address may lead to another: this one may be a standby now.
            await self._engine.dispose()
            raise


@contextmanager
def _unreadable_events() -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # of a word that is no action, or no time
        raise UnreadableEvents from error


def _reading(found: Found, patient_id: str) -> Reading[MedicationEvent]:
    events = found.events[patient_id]
    if isinstance(events, Exception):
        raise events
    return Reading(events, found.last_received_at)


def _patients(numbers: Select[Any]) -> Select[Any]:
    return select(PATIENTS).where(PATIENTS.c.number.in_(numbers)).order_by(PATIENTS.c.number)


def _has_events() -> ColumnElement[bool]:
    return or_(*(exists().where(table.c.patient == PATIENTS.c.number) for table in _TABLES))


def _is_patient(table: Table, patient_id: str) -> ColumnElement[bool]:
    number = select(PATIENTS.c.number).where(PATIENTS.c.patient_id == patient_id)
    return table.c.patient == number.scalar_subquery()


def _page(kind: _Kind, patient_id: str, limit: int, after: Place | None) -> Subquery:
    """Select a page of the events of one kind."""
    columns = [kind.columns[name] for name in PAGE_ORDER]
    labelled = (kind.columns[name].label(name) for name in _ANSWERED)
    chosen = select(*labelled).select_from(kind.named).where(_is_patient(kind.table, patient_id))
    if after is not None:
        pairs = zip(columns, after, strict=True)
        key = (literal(value, column.type) for column, value in pairs)
        chosen = chosen.where(tuple_(*columns) > tuple_(*key))
    return chosen.order_by(*columns).limit(limit).subquery()


def _behind(prefix: str) -> str | None:
    """Return the first text behind all that begin with a prefix, if there is any behind them.

    By code points, and so by the bytes of UTF-8, as both databases have them in order.
    """
    for end in reversed(range(len(prefix))):
        last = ord(prefix[end])
        if last < sys.maxunicode:
            following = _BEHIND_HALVES if last == _BEFORE_HALVES else last + 1
            return prefix[:end] + chr(following)
    return None


def _patients_before(before: datetime, after: int) -> Select[Any]:
    """Select patients behind a number who have an event before a time."""
    old = []
    for table in _TABLES:
        number = table.c.patient
        found = select(number).where(number > after).group_by(number)
        having = found.having(func.min(table.c.event_time) < before)
        old.append(select(having.order_by(number).limit(_PATIENTS_AT_ONCE).subquery()))
    numbers = union(*old).subquery()
    return _patients(select(numbers.c.patient)).limit(_PATIENTS_AT_ONCE)


def _count(table: Table, chosen: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(chosen).scalar_subquery()


def _sum(counts: Iterable[ScalarSelect[int]]) -> ColumnElement[int]:
    first, second = counts
    return first + second


async def _delete_history(
    connection: AsyncConnection, history: HistoryKey, size: HistorySize
) -> bool:
    """Delete a history from both tables, or from none where it is of another size."""
    left = {EVENTS: size.alone, RECORD_EVENTS: size.of_records}
    # A newer version takes others away, and the history does not grow by it.
    counts = RECORD_EVENTS.c.version == _NEWEST_OF_RECORD
    unchanged = _count(RECORD_EVENTS, and_(_is(RECORD_EVENTS, history), counts)) == size.counting
    async with connection.begin_nested() as part:
        for table in _TABLES:
            expected = (_count(each, _is(each, history)) == n for each, n in left.items())
            deletion = delete(table).where(_is(table, history), *expected, unchanged)
            if (await connection.execute(deletion)).rowcount != left[table]:
                await part.rollback()
                return False
            left[table] = 0
    return True


def _is(table: Table, history: HistoryKey) -> ColumnElement[bool]:
    name = MEDICATIONS.c.medication_name
    number = select(MEDICATIONS.c.number).where(name == history.medication_name)
    order = table.c.order_id
    return and_(
        _is_patient(table, history.patient_id),
        table.c.medication == number.scalar_subquery(),
        # Bound as the column's, which turns an absent order into the key's "".
        order == literal(history.order_id, order.type),
    )
