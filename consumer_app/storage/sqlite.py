"""SQLite, straight through aiosqlite."""

import asyncio
import os
import sqlite3
from collections import defaultdict
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import chain, islice, starmap
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import aiosqlite
import msgspec
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumer_app.storage.backend import (
    EVENTS_A_PART,
    EVENTS_A_TRIP,
    LAST_RECEIVED,
    MOST_EVENTS,
    ON_NEXT_COMMIT,
    STORED_EVENTS,
    STORED_RECORD_EVENTS,
    STORED_VERSIONS,
    SUPERSEDED_BY,
    Events,
    Found,
    Received,
    Reports,
    Row,
    RunNumbers,
    Stored,
    VersionRows,
    arrival,
    newest,
    recorded_event,
    reports_of,
    row,
    version_rows,
)
from consumer_app.storage.errors import (
    DatabaseUnavailable,
    TooManyEvents,
    UnreadableEvents,
    may_be_full,
    unreadable_of_number,
)
from consumer_app.storage.tables import (
    CONSUMERS,
    EVENTS,
    MEDICATIONS,
    NUMBER_OF_ACTION,
    NUMBERED,
    OPTIONAL,
    PATIENTS,
    RECORD_EVENTS,
    RECORDS,
    RUNS,
    TIME_IN_WORDS,
    microseconds,
    time_of,
)
from contracts import FIELDS, MedicationEvent, read_written
from runtime.collector import no_collection

_NAMES_AT_ONCE = 1_000
# SQLite takes up to 32,766 values in a statement. What is prepared once is used again.
_BLOCKS = (1_024, 128)
_COMMIT = f"INSERT INTO {CONSUMERS} VALUES (?, ?, 1) {ON_NEXT_COMMIT}"  # noqa: S608 - ours
# The WHERE true lets SQLite tell the ON CONFLICT from that of a join.
_ADD_RECORDS = f"""
    INSERT INTO {RECORDS} (digest, record_id) SELECT key, value FROM json_each(?) WHERE true
    ON CONFLICT (digest) DO UPDATE SET record_id = excluded.record_id WHERE record_id IS NULL
"""  # noqa: S608 - ours too

_WORDS = " ".join(f"WHEN {number} THEN '{action}'" for action, number in NUMBER_OF_ACTION.items())
# In seconds, which are read fastest; where there are parts of a second, as RFC 3339 has it.
_EVENT_TIME, _RECEIVED_AT = (
    f"""
        CASE WHEN {time} % 1000000 THEN {TIME_IN_WORDS.format(time)}
        WHEN typeof({time}) = 'integer' THEN {time} / 1000000 END
    """
    for time in ("event_time", "received_at")
)
_READ_AS = {
    "action": f"CASE action {_WORDS} END",
    "event_time": _EVENT_TIME,
    **{name: f"nullif({name}, '')" for name in OPTIONAL},
}
_IN_EVENT = [name for name in FIELDS if name not in NUMBERED]
_STORED = f"json_group_array(json_array({', '.join(_READ_AS[name] for name in _IN_EVENT)}))"
_OF_RECORD = f"record_id, {RECORD_EVENTS}.version, {SUPERSEDED_BY}"
_JOINED_RECORDS = f"{RECORD_EVENTS} JOIN {RECORDS} ON {RECORDS}.number = record"
# One row for all patients: see SqliteBackend. Those of whom there is too much have null, and those
# who are not reached are not in it. Events are counted no further than they are read. The events of
# records are in a text of their own, of those patients who have any.
_READ = f"""
    WITH asked AS MATERIALIZED (
        SELECT key AS place, value AS name, number, (
            SELECT count(*) FROM (
                SELECT 1 FROM {EVENTS} WHERE patient = number
                UNION ALL SELECT 1 FROM {RECORD_EVENTS} WHERE patient = number
                LIMIT {MOST_EVENTS + 1}
            )
        ) AS events
        FROM json_each(?) LEFT JOIN {PATIENTS} ON patient_id = value
    ), reached AS MATERIALIZED (
        SELECT *, sum(iif(events > {MOST_EVENTS}, 0, events)) OVER (ORDER BY place) AS so_far
        FROM asked
    )
    SELECT '{{' || group_concat(json_quote(name) || ':' || iif(events > {MOST_EVENTS}, 'null', (
        SELECT '[' || ifnull(
            group_concat('[' || json_quote(medication_name) || ',' || stored || ']'), ''
        ) || ']'
        FROM (
            SELECT medication, {_STORED} AS stored
            FROM {EVENTS} WHERE patient = reached.number GROUP BY medication
        ) LEFT JOIN {MEDICATIONS} ON {MEDICATIONS}.number = medication
    ))) || '}}',
    '{{' || group_concat(json_quote(name) || ':' || (
        SELECT json_group_array(json_array(
            name, medication_name, {", ".join(_READ_AS[name] for name in _IN_EVENT)}, {_OF_RECORD}
        ))
        FROM {_JOINED_RECORDS}
        LEFT JOIN {MEDICATIONS} ON {MEDICATIONS}.number = medication
        WHERE patient = reached.number
    )) FILTER (
        WHERE events <= {MOST_EVENTS}
        AND EXISTS (SELECT 1 FROM {RECORD_EVENTS} WHERE patient = reached.number)
    ) || '}}',
    ({LAST_RECEIVED})
    FROM reached WHERE so_far <= {EVENTS_A_TRIP}
"""  # noqa: S608 - words of ours alone
_OF_MEDICATIONS = "AND medication_name IN (SELECT value FROM json_each(:names))"
_WALKED = ", ".join(f"{_READ_AS[name]} AS {name}" for name in _IN_EVENT)
_OF_PATIENT = f"WHERE patient = (SELECT number FROM {PATIENTS} WHERE patient_id = :patient)"  # noqa: S608
_ARRIVED, _FIRST_ARRIVED = (f"CASE WHEN :arrived THEN {each} END" for each in arrival(_RECEIVED_AT))
_OF_BOTH_KINDS = f"""
    SELECT
        patient_id, medication_name, {_WALKED},
        NULL AS record_id, NULL AS version, NULL AS superseded_by, {_ARRIVED} AS arrived,
        patient, medication
    FROM {EVENTS} LEFT JOIN {PATIENTS} ON {PATIENTS}.number = patient
    LEFT JOIN {MEDICATIONS} ON {MEDICATIONS}.number = medication
    {{0}}
    UNION ALL
    SELECT
        patient_id, medication_name, {_WALKED}, {_OF_RECORD}, {_FIRST_ARRIVED}, patient, medication
    FROM {_JOINED_RECORDS} LEFT JOIN {PATIENTS} ON {PATIENTS}.number = patient
    LEFT JOIN {MEDICATIONS} ON {MEDICATIONS}.number = medication
    {{0}}
"""  # noqa: S608 - ours too
_WALK = f"{_OF_BOTH_KINDS} ORDER BY patient, medication"
_WALK_ALL = _WALK.format("")
_COUNT_ALL = f"SELECT (SELECT count(*) FROM {EVENTS}) + (SELECT count(*) FROM {RECORD_EVENTS})"  # noqa: S608
_READ_ARRIVED = f"""
    SELECT json_group_array(json_array(
        {", ".join(FIELDS)}, record_id, version, superseded_by, arrived
    )) FROM ({_OF_BOTH_KINDS.format(_OF_PATIENT)} LIMIT {MOST_EVENTS + 1})
"""  # noqa: S608 - ours too
_NEWEST = newest(":patient")
# Without a name it is in SQLite's folder for temporary files, and gone with the connection.
_SOMEWHERE = ""
_FOR_A_COPY = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;"
_HINTS = get_type_hints(MedicationEvent)
_OfRecord: Any = (str | None, str | None, str | None)
_Whole: Any = (*(_HINTS[name] for name in FIELDS), *_OfRecord, datetime | None)
_Walked: Any = list[tuple[*_Whole, int, int]]
_Events: Any = list[tuple[*(_HINTS[name] for name in _IN_EVENT)]]  # type: ignore[misc]
_Patient: Any = list[tuple[str, _Events]] | None
_Recorded: Any = list[tuple[*(_HINTS[name] for name in FIELDS), str, str, str | None]]  # type: ignore[misc]
# Not strict: a number of seconds is a time.
_read_patients = msgspec.json.Decoder(dict[str, _Patient], strict=False).decode
_part_patients = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_patient = msgspec.json.Decoder(_Patient, strict=False).decode
_part_recorded = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_recorded = msgspec.json.Decoder(_Recorded, strict=False).decode
_read_arrived = msgspec.json.Decoder(list[tuple[*_Whole]], strict=False).decode
_read_numbers = msgspec.json.Decoder(dict[str, int]).decode

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class SqliteBackend:
    """One connection that writes, and one that reads.

    While the event loop is busy, a connection's thread waits a millisecond or more for Python's
    lock, at each step of a statement. So many rows go in with one statement, which is prepared
    once, and all come out as one JSON text, which takes the processor half as long as a step for
    each.
    """

    # A commit writes each page once, and the more rows it holds the more of them share a page.
    EVENTS_A_COMMIT = 131_072
    # Where texts take four bytes a character, what is made of them takes five times as much.
    BYTES_A_COMMIT = 15_000_000

    def __init__(self, engine: AsyncEngine, consumer: str) -> None:
        self._consumer = consumer
        self._writer = _HeldConnection(engine)
        self._reader = _HeldConnection(engine)

    async def prepare(self) -> None:
        """Bring what a killed process has left in the log to the disk, and into the file."""
        # Where another process has the file open, it stays in the log, which is no fault.
        await self._writer.run(_fetch, "PRAGMA wal_checkpoint(TRUNCATE)")

    async def insert(self, received: Sequence[Received], numbers: RunNumbers) -> bool:
        commit = self._consumer, microseconds(datetime.now(UTC))
        with no_collection():
            return await self._writer.run(_insert, received, numbers, commit)

    async def read(self, patient_ids: Sequence[str]) -> Found:
        with _unreadable_events():
            [[found, recorded, last]] = await self._reader.run(_fetch, _READ, _json(patient_ids))
        events = _events(found)
        if recorded is not None:
            _add_recorded(events, recorded)
        return Found(events, _time(last))

    async def read_arrived(self, patient_id: str) -> tuple[Reports, datetime | None]:
        with _unreadable_events():
            last, newest_at, found = await self._reader.run(_fetch_arrived, patient_id)
            rows = _read_arrived(found)
        if len(rows) > MOST_EVENTS:
            raise TooManyEvents
        return reports_of(rows)._replace(newest=_time(newest_at)), _time(last)

    async def newest(self, patient_id: str) -> datetime | None:
        return _time(await self._reader.run(_fetch_newest, patient_id))

    async def walk(
        self, patient_id: str, medication_names: Collection[str], *, arrived: bool = False
    ) -> AsyncGenerator[Reports, None]:
        values = {"patient": patient_id, "names": _json(medication_names), "arrived": arrived}
        chosen = f"{_OF_PATIENT} {_OF_MEDICATIONS}" if medication_names else _OF_PATIENT
        statement = _WALK.format(chosen)
        cursor = await self._reader.run(_begin, statement, values)
        try:
            with _unreadable_events():
                while rows := await self._reader.run(_go_on, cursor):
                    yield _walked(rows)
        finally:
            # After an error there may be no connection, and none is opened for this.
            if self._reader.is_open:
                await self._reader.run(_end, cursor)

    async def walk_all(self) -> AsyncGenerator[Reports, None]:
        # While a read lasts, the log grows: so a copy is read, which is made in one step.
        with (
            _room_for_the_copy(),
            closing(await self._reader.run(_copied)) as copy,
            _unreadable_events("of some patient"),
        ):
            cursor = _begin(copy, _WALK_ALL, {"arrived": False})
            while rows := _go_on(copy, cursor):
                yield _walked_of_all(rows)
                # Here an interrupt gets through.
                await asyncio.sleep(0)

    async def about_all(self) -> int:
        # To count them takes but a part of what the copy takes.
        [[events]] = await self._reader.run(_fetch, _COUNT_ALL)
        return int(events)

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


@contextmanager
def _unreadable_events(whose: str = "of the patient") -> Iterator[None]:
    try:
        yield
    except msgspec.ValidationError as error:
        raise UnreadableEvents(whose) from error
    except sqlite3.OperationalError as error:
        # Of a text that is not UTF-8, and of bytes where there is to be a text.
        if str(error).startswith(("Could not decode", "JSON cannot hold")):
            raise UnreadableEvents(whose) from error
        raise


@contextmanager
def _room_for_the_copy() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if not may_be_full(error):
            raise
        raise DatabaseUnavailable(
            "the database can't be copied, or its copy read: see that there is room for it in "
            f"SQLite's folder for temporary files, which SQLITE_TMPDIR names: {error}"
        ) from error


def _json(texts: Iterable[str]) -> str:
    return msgspec.json.encode([*dict.fromkeys(texts)]).decode()


def _time(found: int | None) -> datetime | None:
    return None if found is None else time_of(found)


def _events(found: str) -> dict[str, Events]:
    try:
        read = _read_patients(found)
    except msgspec.ValidationError:
        return {name: _events_of(name, part) for name, part in _part_patients(found).items()}
    return {name: _made(name, medications) for name, medications in read.items()}


def _events_of(patient_id: str, part: msgspec.Raw) -> Events:
    try:
        return _made(patient_id, _read_patient(part))
    except msgspec.ValidationError:
        return UnreadableEvents()


def _walked(rows: Sequence[tuple[Any, ...]]) -> Reports:
    # Behind what is told stands the order in which they come.
    return reports_of(row[:-2] for row in msgspec.convert(rows, _Walked, strict=False))


def _walked_of_all(rows: Sequence[tuple[Any, ...]]) -> Reports:
    try:
        return _walked(rows)
    except msgspec.ValidationError:
        for row in rows:
            _see_that_it_is_readable(row)
        raise


def _see_that_it_is_readable(row: tuple[Any, ...]) -> None:
    try:
        _walked([row])
    except msgspec.ValidationError as error:
        *_, patient, _ = row
        raise unreadable_of_number(patient) from error


def _add_recorded(events: dict[str, Events], found: str) -> None:
    """Add the events of records to those of their patients."""
    for name, part in _part_recorded(found).items():
        others = events[name]
        if isinstance(others, Exception):
            continue
        try:
            recorded = _read_recorded(part)
        except msgspec.ValidationError:
            events[name] = UnreadableEvents()
        else:
            events[name] = [*others, *starmap(recorded_event, recorded)]


def _made(patient_id: str, medications: Any) -> Events:  # noqa: ANN401 - see _Patient
    if medications is None:
        return TooManyEvents()
    events: list[MedicationEvent] = []
    for medication_name, stored in medications:
        events += starmap(partial(MedicationEvent, patient_id, medication_name), stored)
    return events


def _insert(
    connection: sqlite3.Connection,
    received: Sequence[Received],
    numbers: RunNumbers,
    commit: tuple[str, int],
) -> bool:
    """Store events, and that they are, in one transaction; do nothing where a run is not open."""
    # Before the transaction: while they are read others can write.
    of_patients = _rows(received, numbers)
    of_records = version_rows(received, numbers, microseconds)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        runs = {each.run for each in received} - {None}
        if runs and not _are_open(connection, [numbers[run] for run in runs]):
            return False
        _insert_rows(connection, STORED_EVENTS, _numbered(connection, of_patients))
        if of_records.versions:
            _insert_versions(connection, of_records)
        connection.execute(_COMMIT, commit)
    return True


def _rows(received: Iterable[Received], numbers: RunNumbers) -> dict[str, list[Row]]:
    """Make rows of events, still with names, by patient; the name of a medication is kept once."""
    of_patients: defaultdict[str, list[Row]] = defaultdict(list)
    medications: dict[str, str] = {}
    for each in received:
        at, run = microseconds(each.at), numbers[each.run]
        for event in read_written(each.written):
            name = event.medication_name
            medication = medications.setdefault(name, name)
            time = microseconds(event.event_time)
            of_patients[event.patient_id].append(row(event, medication, time, at, run))
    return of_patients


def _numbered(
    connection: sqlite3.Connection, of_patients: dict[str, list[Row]]
) -> Iterator[tuple[Any, ...]]:
    """Put numbers where names are, and all in the order of the key: so fewer pages change.

    They are sorted patient by patient, each when it is reached: to sort all at once would hold
    Python's lock, and with it the event loop, for too long.
    """
    names = {each[1] for rows in of_patients.values() for each in rows}
    medications = _numbers(connection, MEDICATIONS, names)
    patients = _numbers(connection, PATIENTS, of_patients)
    by_number = {number: of_patients.pop(name) for name, number in patients.items()}
    for number in sorted(by_number):
        rows = by_number.pop(number)
        yield from sorted((number, medications[each[1]], *each[2:]) for each in rows)


def _insert_versions(connection: sqlite3.Connection, rows: VersionRows) -> None:
    """Store versions of records, and their events, each in the order of its table's key."""
    _add_records(connection, rows.records)
    numbered = rows.numbered(
        _numbers(connection, PATIENTS, rows.patients),
        _numbers(connection, MEDICATIONS, rows.medications),
        _numbers(connection, RECORDS, rows.records),
    )
    _insert_rows(connection, STORED_VERSIONS, iter(numbered.versions))
    _insert_rows(connection, STORED_RECORD_EVENTS, iter(numbered.events))


def _add_records(connection: sqlite3.Connection, records: Mapping[str, str]) -> None:
    """Give records numbers that have none yet, and their identifiers where those were erased."""
    left = iter(sorted(records.items()))
    while part := dict(islice(left, _NAMES_AT_ONCE)):
        connection.execute(_ADD_RECORDS, [msgspec.json.encode(part).decode()])


def _numbers(
    connection: sqlite3.Connection, table: Table, names: Iterable[str]
) -> Mapping[str, int]:
    """Find the numbers that stand for names; those that have none yet are given one."""
    name = table.c[1].name
    finding = f"""
        SELECT json_group_object(value, number)
        FROM json_each(?) CROSS JOIN {table} ON {name} = value
    """  # noqa: S608 - ours
    adding = f"INSERT INTO {table} ({name}) SELECT value FROM json_each(?)"  # noqa: S608 - ours
    numbers: dict[str, int] = {}
    left = iter(names)
    while part := {*islice(left, _NAMES_AT_ONCE)}:
        numbers |= _found(connection, finding, part)
        if new := part - numbers.keys():
            connection.execute(adding, [_json(sorted(new))])
            numbers |= _found(connection, finding, new)
    return numbers


def _found(connection: sqlite3.Connection, finding: str, names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = _read_numbers(connection.execute(finding, [_json(names)]).fetchone()[0])
    return found


def _insert_rows(
    connection: sqlite3.Connection, into: Stored, rows: Iterator[tuple[Any, ...]]
) -> None:
    while some := [*islice(rows, _BLOCKS[0])]:
        at = 0
        while size := len(some) - at:
            size = next((block for block in _BLOCKS if block <= size), size)
            values = [*chain.from_iterable(some[at : at + size])]
            if connection.execute(_inserting(into, size), values).rowcount < size:
                connection.execute(_inserting_again(into, size), values)
            at += size


@cache
def _inserting(into: Stored, rows: int) -> str:
    # Unlike what may change a row, this keeps no copy of each page to undo the statement alone,
    # which would take the processor a third more. Nearly always it is all that there is to do.
    values = _values(into, rows)
    return f"INSERT OR ROLLBACK {into.into} {values} ON CONFLICT DO NOTHING"


@cache
def _inserting_again(into: Stored, rows: int) -> str:
    return f"INSERT {into.into} {_values(into, rows)} {into.on_conflict}"


def _values(into: Stored, rows: int) -> str:
    marks = ", ".join("?" * len(into.columns))
    return f"VALUES {', '.join([f'({marks})'] * rows)}"


def _are_open(connection: sqlite3.Connection, runs: Sequence[int]) -> bool:
    marks = ", ".join("?" * len(runs))
    counting = f"SELECT count(*) FROM {RUNS} WHERE retracted_at IS NULL AND id IN ({marks})"  # noqa: S608
    count: int = connection.execute(counting, runs).fetchone()[0]
    return count == len(runs)


def _fetch(
    connection: sqlite3.Connection, statement: str, *values: object
) -> list[tuple[Any, ...]]:
    return connection.execute(statement, values).fetchall()


def _fetch_arrived(
    connection: sqlite3.Connection, patient_id: str
) -> tuple[int | None, int | None, str]:
    # First how fresh it is: that then holds for what is read behind it.
    [[last]] = connection.execute(LAST_RECEIVED)
    newest_at = _fetch_newest(connection, patient_id)
    values = {"patient": patient_id, "arrived": True}
    [[found]] = connection.execute(_READ_ARRIVED, values)
    return last, newest_at, found


def _fetch_newest(connection: sqlite3.Connection, patient_id: str) -> int | None:
    at: int | None
    [[at]] = connection.execute(_NEWEST, {"patient": patient_id})
    return at


def _copied(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Copy all that is there now to a place of its own, which nobody else sees."""
    folder = os.environ.get("SQLITE_TMPDIR")
    # SQLite would take another one, and say nothing.
    if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
        raise DatabaseUnavailable(f"SQLITE_TMPDIR is {folder}, where nothing can be written")
    copy = sqlite3.connect(_SOMEWHERE, isolation_level=None, check_same_thread=False)
    try:
        copy.executescript(_FOR_A_COPY)
        connection.backup(copy)
    except sqlite3.Error:
        copy.close()
        raise
    return copy


def _begin(
    connection: sqlite3.Connection, statement: str, values: Mapping[str, object]
) -> sqlite3.Cursor:
    return connection.execute(statement, values)


def _go_on(_: sqlite3.Connection, cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
    return cursor.fetchmany(EVENTS_A_PART)


def _end(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> None:
    # An error may have closed the connection that it was of, and another one be open.
    if cursor.connection is connection:
        cursor.close()


class _HeldConnection:
    """A connection that is kept between statements, and opened anew after an error of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._held: AsyncConnection | None = None
        self._driver: aiosqlite.Connection | None = None
        self._opening = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it is there already."""
        return self._driver is not None

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, Arguments], Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Run a function on the connection, in its thread."""
        driver = self._driver or await self._open()
        try:
            # All that aiosqlite offers by itself is a trip for each statement.
            in_thread: Callable[..., Awaitable[Result]] = driver._execute  # noqa: SLF001
            return await in_thread(function, driver._conn, *arguments, **options)  # noqa: SLF001
        except sqlite3.Error:
            await self.close()
            raise

    async def close(self) -> None:
        """Close it, behind the statements that wait for it."""
        # What is just being opened, too: it may be of a file that another one has replaced.
        async with self._opening:
            held, self._held, self._driver = self._held, None, None
            if held is not None:
                await held.invalidate()
                await held.close()

    async def _open(self) -> aiosqlite.Connection:
        async with self._opening:
            if self._driver is not None:
                return self._driver
            self._held = await self._engine.connect()
            connection = await self._held.get_raw_connection()
            driver: aiosqlite.Connection = connection.driver_connection  # type: ignore[assignment]
            self._driver = driver
            return driver
