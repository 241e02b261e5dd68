"""SQLite, straight through aiosqlite."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
    Set,
)
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import chain, islice, starmap
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import aiosqlite
import msgspec
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumer_app.storage.backend import (
    COLUMNS,
    EVENTS_A_PART,
    EVENTS_A_TRIP,
    INSERT,
    INTO_TABLE,
    LAST_RECEIVED,
    MOST_EVENTS,
    ON_CONFLICT,
    ON_NEXT_COMMIT,
    Events,
    Found,
    Received,
    Row,
    RunNumbers,
    events_of,
    one_of_many,
    row,
)
from consumer_app.storage.errors import TooManyEvents, UnreadableEvents
from consumer_app.storage.tables import (
    CONSUMERS,
    EVENTS,
    KEY,
    MEDICATIONS,
    NUMBER_OF_ACTION,
    NUMBERED,
    OPTIONAL,
    PATIENTS,
    RUNS,
    TIME_IN_WORDS,
    microseconds,
    time_of,
)
from contracts import FIELDS, MedicationEvent

_VALUES = ", ".join("?" * len(COLUMNS))
_EVENTS_AT_ONCE = 1_000
# SQLite takes up to 32,766 values in a statement. What is prepared once is used again.
_BLOCKS = (1_024, 128)
_COMMIT = f"INSERT INTO {CONSUMERS} VALUES (?, ?, 1) {ON_NEXT_COMMIT}"  # noqa: S608 - ours

_WORDS = " ".join(f"WHEN {number} THEN '{action}'" for action, number in NUMBER_OF_ACTION.items())
_READ_AS = {
    "action": f"CASE action {_WORDS} END",
    # In seconds, which are read fastest; where there are parts of a second, as RFC 3339 has it.
    "event_time": f"""
        CASE WHEN event_time % 1000000 THEN {TIME_IN_WORDS.format("event_time")}
        WHEN typeof(event_time) = 'integer' THEN event_time / 1000000 END
    """,
    **{name: f"nullif({name}, '')" for name in OPTIONAL},
}
_IN_EVENT = [name for name in FIELDS if name not in NUMBERED]
_STORED = f"json_group_array(json_array({', '.join(_READ_AS[name] for name in _IN_EVENT)}))"
# One row for all patients: see SqliteBackend. Those of whom there is too much have null, and those
# who are not reached are not in it. Events are counted no further than they are read.
_READ = f"""
    WITH asked AS MATERIALIZED (
        SELECT key AS place, value AS name, number, (
            SELECT count(*) FROM (
                SELECT 1 FROM {EVENTS} WHERE patient = number LIMIT {MOST_EVENTS + 1}
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
    ))) || '}}', ({LAST_RECEIVED})
    FROM reached WHERE so_far <= {EVENTS_A_TRIP}
"""  # noqa: S608 - words of ours alone
_OF_MEDICATIONS = "AND medication_name IN (SELECT value FROM json_each(?))"
_WALK = f"""
    SELECT ?, medication_name, {", ".join(_READ_AS[name] for name in _IN_EVENT)}
    FROM {EVENTS} LEFT JOIN {MEDICATIONS} ON {MEDICATIONS}.number = medication
    WHERE patient = (SELECT number FROM {PATIENTS} WHERE patient_id = ?) {{}}
    ORDER BY {", ".join(f"{EVENTS}.{name}" for name in KEY[1:])}
"""  # noqa: S608 - ours too
_HINTS = get_type_hints(MedicationEvent)
_Rows: Any = list[tuple[*(_HINTS[name] for name in FIELDS)]]  # type: ignore[misc]
_Events: Any = list[tuple[*(_HINTS[name] for name in _IN_EVENT)]]  # type: ignore[misc]
_Patient: Any = list[tuple[str, _Events]] | None
# Not strict: a number of seconds is a time.
_read_patients = msgspec.json.Decoder(dict[str, _Patient], strict=False).decode
_part_patients = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_patient = msgspec.json.Decoder(_Patient, strict=False).decode
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
        return await self._writer.run(_insert, received, numbers, commit)

    async def read(self, patient_ids: Sequence[str]) -> Found:
        with _unreadable_events():
            [[found, last]] = await self._reader.run(_fetch, _READ, _json(patient_ids))
        return Found(_events(found), _time(last))

    async def walk(
        self, patient_id: str, medication_names: Collection[str]
    ) -> AsyncGenerator[Sequence[MedicationEvent], None]:
        named = [_json(medication_names)] if medication_names else []
        statement = _WALK.format(_OF_MEDICATIONS if named else "")
        cursor = await self._reader.run(_begin, statement, patient_id, patient_id, *named)
        try:
            with _unreadable_events():
                while rows := await self._reader.run(_go_on, cursor):
                    yield [*map(one_of_many, msgspec.convert(rows, _Rows, strict=False))]
        finally:
            # After an error there may be no connection, and none is opened for this.
            if self._reader.is_open:
                await self._reader.run(_end, cursor)

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


@contextmanager
def _unreadable_events() -> Iterator[None]:
    try:
        yield
    except msgspec.ValidationError as error:
        raise UnreadableEvents from error
    except sqlite3.OperationalError as error:
        # Of a text that is not UTF-8, and of bytes where there is to be a text.
        if str(error).startswith(("Could not decode", "JSON cannot hold")):
            raise UnreadableEvents from error
        raise


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
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        runs = {each.run for each in received} - {None}
        if runs and not _are_open(connection, [numbers[run] for run in runs]):
            return False
        _insert_rows(connection, _rows(connection, received, numbers))
        connection.execute(_COMMIT, commit)
    return True


def _rows(
    connection: sqlite3.Connection, received: Iterable[Received], numbers: RunNumbers
) -> Iterator[Row]:
    """Make rows of events, all in the order of the key: so fewer pages change.

    They are read and sorted in parts: else Python's lock, and with it the event loop, would be held
    for too long.
    """
    patients, medications = _Numbers(connection, PATIENTS), _Numbers(connection, MEDICATIONS)
    of_patients: defaultdict[int, list[Row]] = defaultdict(list)
    events = events_of(received)
    while part := [*islice(events, _EVENTS_AT_ONCE)]:
        patients.look_up({event.patient_id for event, _ in part})
        medications.look_up({event.medication_name for event, _ in part})
        for event, each in part:
            patient = patients.known[event.patient_id]
            medication = medications.known[event.medication_name]
            times = microseconds(event.event_time), microseconds(each.at)
            made = row(event, patient, medication, *times, numbers[each.run])
            of_patients[patient].append(made)
    for patient in sorted(of_patients):
        yield from sorted(of_patients.pop(patient))


class _Numbers:
    """The numbers that stand for names; in a transaction that writes, no other gives them out."""

    def __init__(self, connection: sqlite3.Connection, table: Table) -> None:
        self._connection = connection
        name = table.c[1].name
        self._finding = f"""
            SELECT json_group_object(value, number)
            FROM json_each(?) CROSS JOIN {table} ON {name} = value
        """  # noqa: S608 - ours
        self._adding = f"INSERT INTO {table} ({name}) SELECT value FROM json_each(?)"  # noqa: S608
        self.known: dict[str, int] = {}

    def look_up(self, names: Set[str]) -> None:
        """Know the numbers of names; those that have none yet are given one."""
        if unknown := names - self.known.keys():
            self._find(unknown)
        if new := unknown - self.known.keys():
            self._connection.execute(self._adding, [_json(sorted(new))])
            self._find(new)

    def _find(self, names: Set[str]) -> None:
        (found,) = self._connection.execute(self._finding, [_json(names)]).fetchone()
        self.known |= _read_numbers(found)


def _insert_rows(connection: sqlite3.Connection, rows: Iterator[Row]) -> None:
    while some := [*islice(rows, _BLOCKS[0])]:
        at = 0
        while size := len(some) - at:
            size = next((block for block in _BLOCKS if block <= size), size)
            values = [*chain.from_iterable(some[at : at + size])]
            if connection.execute(_inserting(size), values).rowcount < size:
                connection.execute(_inserting_again(size), values)
            at += size


@cache
def _inserting(rows: int) -> str:
    # Unlike what may change a row, this keeps no copy of each page to undo the statement alone,
    # which would take the processor a third more. Nearly always it is all that there is to do.
    return f"INSERT OR ROLLBACK {INTO_TABLE} VALUES {_marks(rows)} ON CONFLICT DO NOTHING"  # noqa: S608


@cache
def _inserting_again(rows: int) -> str:
    return f"{INSERT} VALUES {_marks(rows)} {ON_CONFLICT}"


def _marks(rows: int) -> str:
    return ", ".join([f"({_VALUES})"] * rows)


def _are_open(connection: sqlite3.Connection, runs: Sequence[int]) -> bool:
    marks = ", ".join("?" * len(runs))
    counting = f"SELECT count(*) FROM {RUNS} WHERE retracted_at IS NULL AND id IN ({marks})"  # noqa: S608
    count: int = connection.execute(counting, runs).fetchone()[0]
    return count == len(runs)


def _fetch(
    connection: sqlite3.Connection, statement: str, *values: object
) -> list[tuple[Any, ...]]:
    return connection.execute(statement, values).fetchall()


def _begin(connection: sqlite3.Connection, statement: str, *values: object) -> sqlite3.Cursor:
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
