"""SQLite, straight through aiosqlite."""

import asyncio
import sqlite3
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, starmap
from operator import itemgetter
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, get_type_hints

import aiosqlite
import msgspec
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
    Numbers,
    Row,
    one_of_many,
    row,
)
from consumer_app.storage.errors import TooManyEvents, UnreadableEvents
from consumer_app.storage.tables import CONSUMERS, KEY, OPTIONAL, RUNS, TABLE, written_time
from contracts import FIELDS, MedicationEvent

VALUES = ", ".join("ifnull(?, '')" if name in OPTIONAL else "?" for name in COLUMNS[:-1])
# SQLite takes up to 32,766 values in a statement.
_ROWS_AT_ONCE = 4_000
_RUN = slice(len(COLUMNS) - 1, None, len(COLUMNS))
"""Where among the values of many rows, one behind the other, those of their runs are."""
_COMMIT = f"INSERT INTO {CONSUMERS} VALUES (?, ?, 1) {ON_NEXT_COMMIT}"  # noqa: S608 - ours

_STORED = ", ".join(f"nullif({name}, '')" if name in OPTIONAL else name for name in FIELDS)
# One row for all patients: see SqliteBackend. Those of whom there is too much have null, and those
# who are not reached are not in it. Events are counted no further than they are read.
_READ = f"""
    WITH asked AS MATERIALIZED (
        SELECT key AS place, value AS patient, (
            SELECT count(*) FROM (
                SELECT 1 FROM {TABLE} WHERE patient_id = value LIMIT {MOST_EVENTS + 1}
            )
        ) AS events
        FROM json_each(?)
    ), reached AS MATERIALIZED (
        SELECT *, sum(iif(events > {MOST_EVENTS}, 0, events)) OVER (ORDER BY place) AS so_far
        FROM asked
    )
    SELECT '{{' || group_concat(json_quote(patient) || ':' || iif(events > {MOST_EVENTS}, 'null', (
        SELECT json_group_array(json_array({_STORED})) FROM {TABLE} WHERE patient_id = patient
    ))) || '}}', ({LAST_RECEIVED})
    FROM reached WHERE so_far <= {EVENTS_A_TRIP}
"""  # noqa: S608 - words of ours alone
_OF_MEDICATIONS = "AND medication_name IN (SELECT value FROM json_each(?))"
_WALK = f"""
    SELECT {_STORED} FROM {TABLE} WHERE patient_id = ? {{}} ORDER BY {", ".join(KEY[1:])}
"""  # noqa: S608 - ours too
_HINTS = get_type_hints(MedicationEvent)
_Rows: Any = list[tuple[*(_HINTS[name] for name in FIELDS)]]  # type: ignore[misc]
_Patient: Any = _Rows | None
_read_patients = msgspec.json.Decoder(dict[str, _Patient]).decode
_part_patients = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_patient = msgspec.json.Decoder(_Patient).decode

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _Batch(NamedTuple):
    """Rows of one transaction: the numbers of their runs, and their marks with the values."""

    runs: Sequence[int]
    marks: str
    values: Sequence[object]
    rows_given: int


class SqliteBackend:
    """One connection that writes, and one that reads.

    While the event loop is busy, a connection's thread waits 5 ms or more for Python's lock, so
    what is done at once is one trip to it. Many rows go in with one statement, which takes the
    processor a fifth less than a step for each, and all come out as one JSON text, which takes it
    half as long.
    """

    def __init__(self, engine: AsyncEngine, consumer: str) -> None:
        self._consumer = consumer
        self._writer = _HeldConnection(engine)
        self._reader = _HeldConnection(engine)

    def rows(
        self, events: Iterable[MedicationEvent], received_at: datetime, run: str | None
    ) -> list[Row]:
        at = written_time(received_at)
        return [row(event, written_time(event.event_time), at, run) for event in events]

    async def prepare(self) -> None:
        """Bring what a killed process has left in the log to the disk, and into the file."""
        # Where another process has the file open, it stays in the log, which is no fault.
        await self._writer.run(_fetch, "PRAGMA wal_checkpoint(TRUNCATE)")

    async def insert(self, rows: Sequence[Row], numbers: Numbers) -> Sequence[Row]:
        # A patient's rows lie together, so in this order fewer pages change. To sort by the rest
        # of the key would hold the event loop up four times as long.
        rows = sorted(rows, key=itemgetter(0))
        # Each batch is durable when it returns.
        for at in range(0, len(rows) or 1, _ROWS_AT_ONCE):
            batch = _batch(rows[at : at + _ROWS_AT_ONCE], numbers)
            commit = self._consumer, written_time(datetime.now(UTC))
            if not await self._writer.run(_insert, batch, commit):
                return rows[at:]
        return []

    async def read(self, patient_ids: Sequence[str]) -> Found:
        asked = msgspec.json.encode([*dict.fromkeys(patient_ids)]).decode()
        with _unreadable_events():
            [[found, last]] = await self._reader.run(_fetch, _READ, asked)
        return Found(_events(found), None if last is None else datetime.fromisoformat(last))

    async def walk(
        self, patient_id: str, medication_names: Collection[str]
    ) -> AsyncGenerator[Sequence[MedicationEvent], None]:
        named = [msgspec.json.encode([*medication_names]).decode()] if medication_names else []
        statement = _WALK.format(_OF_MEDICATIONS if named else "")
        cursor = await self._reader.run(_begin, statement, patient_id, *named)
        try:
            with _unreadable_events():
                while rows := await self._reader.run(_go_on, cursor):
                    yield [*map(one_of_many, msgspec.convert(rows, _Rows))]
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


def _events(found: str) -> dict[str, Events]:
    try:
        read = _read_patients(found)
    except msgspec.ValidationError:
        return {patient: _events_of(part) for patient, part in _part_patients(found).items()}
    return {patient: _made(rows) for patient, rows in read.items()}


def _events_of(part: msgspec.Raw) -> Events:
    try:
        return _made(_read_patient(part))
    except msgspec.ValidationError:
        return UnreadableEvents()


def _made(rows: Iterable[tuple[Any, ...]] | None) -> Events:
    return TooManyEvents() if rows is None else list(starmap(MedicationEvent, rows))


def _batch(rows: Sequence[Row], numbers: Numbers) -> _Batch:
    # All in C, a list and a slice at a time: the event loop waits for it.
    values = [*chain.from_iterable(rows)]
    named = values[_RUN]
    del values[_RUN]
    of_run = {run: f"({VALUES}, {numbers[run]})" for run in set(named)}
    return _Batch(
        runs=[numbers[run] for run in of_run if run is not None],
        marks=", ".join(map(of_run.__getitem__, named)),
        values=values,
        rows_given=len(rows),
    )


def _insert(connection: sqlite3.Connection, batch: _Batch, commit: tuple[str, str]) -> bool:
    """Store rows, and that they are, in one transaction; do nothing where a run is not open."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if batch.runs and not _are_open(connection, batch.runs):
            return False
        if batch.values:
            _insert_rows(connection, batch)
        connection.execute(_COMMIT, commit)
    return True


def _insert_rows(connection: sqlite3.Connection, batch: _Batch) -> None:
    # Unlike what may change a row, this keeps no copy of each page to undo the statement alone,
    # which would take the processor a third more. Nearly always it is all that there is to do.
    new = f"INSERT OR ROLLBACK {INTO_TABLE} VALUES {batch.marks} ON CONFLICT DO NOTHING"  # noqa: S608
    if connection.execute(new, batch.values).rowcount < batch.rows_given:
        connection.execute(f"{INSERT} VALUES {batch.marks} {ON_CONFLICT}", batch.values)


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
