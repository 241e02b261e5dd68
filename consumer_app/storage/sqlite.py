"""SQLite, straight through aiosqlite."""

import asyncio
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, starmap
from operator import itemgetter
from typing import Any, get_type_hints

import aiosqlite
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumer_app.storage.backend import COLUMNS, INSERT, ON_CONFLICT, Numbers, Row, row
from consumer_app.storage.tables import OPTIONAL, RUNS, TABLE, written_time
from contracts import FIELDS, MedicationEvent

VALUES = ", ".join("ifnull(?, '')" if name in OPTIONAL else "?" for name in COLUMNS[:-1])
# SQLite takes up to 32,766 values in a statement.
_ROWS_AT_ONCE = 4_000
_RUN = slice(len(COLUMNS) - 1, None, len(COLUMNS))
"""Where among the values of many rows, one behind the other, those of their runs are."""
# None where the run is retracted, which the column refuses, and with it the statement.
_IF_OPEN = f"(SELECT id FROM {RUNS} WHERE id = {{}} AND retracted_at IS NULL)"  # noqa: S608 - ours

_STORED = ", ".join(f"nullif({name}, '')" if name in OPTIONAL else name for name in FIELDS)
# One row for all patients: see SqliteBackend.
_READ = f"""
    SELECT '{{' || group_concat(json_quote(value) || ':' || (
        SELECT json_group_array(json_array({_STORED})) FROM {TABLE} WHERE patient_id = value
    )) || '}}'
    FROM json_each(?)
"""  # noqa: S608 - words of ours alone
_HINTS = get_type_hints(MedicationEvent)
_read_patients = msgspec.json.Decoder(
    dict[str, list[tuple[*(_HINTS[name] for name in FIELDS)]]]  # type: ignore[misc]
).decode


class SqliteBackend:
    """One connection that writes, and one that reads.

    While the event loop is busy, a connection's thread waits 5 ms or more for Python's lock, so a
    statement is one trip to it. Many rows go in with one, which takes the processor a fifth less
    than a step for each, and all come out as one JSON text, which takes it half as long.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = _HeldConnection(engine)
        self._reader = _HeldConnection(engine)

    def rows(
        self, events: Iterable[MedicationEvent], received_at: datetime, run: str | None
    ) -> list[Row]:
        at = written_time(received_at)
        return [row(event, written_time(event.event_time), at, run) for event in events]

    async def insert(self, rows: Sequence[Row], numbers: Numbers) -> Sequence[Row]:
        # A patient's rows lie together, so in this order fewer pages change. To sort by the rest
        # of the key would hold the event loop up four times as long.
        rows = sorted(rows, key=itemgetter(0))
        # Each statement is a transaction of its own, which is durable when it returns.
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[at : at + _ROWS_AT_ONCE]
            # All in C, a list and a slice at a time: the event loop waits for it.
            given = [*chain.from_iterable(some)]
            named = given[_RUN]
            del given[_RUN]
            statement = f"{INSERT} VALUES {_values(named, numbers)} {ON_CONFLICT}"
            try:
                await self._writer.fetch(statement, given)
            except sqlite3.IntegrityError:
                return rows[at:]
        return []

    async def read(self, patient_ids: Collection[str]) -> Mapping[str, list[MedicationEvent]]:
        asked = msgspec.json.encode([*set(patient_ids)]).decode()
        [[found]] = await self._reader.fetch(_READ, (asked,))
        return {
            patient_id: list(starmap(MedicationEvent, events))
            for patient_id, events in _read_patients(found).items()
        }

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


def _values(named: Sequence[str | None], numbers: Numbers) -> str:
    """Write the marks for rows of such runs, and the numbers; each run is looked up once."""
    marks = {run: f"({VALUES}, {numbers[run]})" for run in set(named)}
    values = [*map(marks.__getitem__, named)]
    for run in marks.keys() - {None}:
        values[named.index(run)] = f"({VALUES}, {_IF_OPEN.format(numbers[run])})"
    return ", ".join(values)


class _HeldConnection:
    """A connection that is kept between statements, and opened anew after an error of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._held: AsyncConnection | None = None
        self._driver: aiosqlite.Connection | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, statement: str, values: Sequence[object]) -> Iterable[Any]:
        """Run a single statement, and return its rows."""
        driver = self._driver or await self._open()
        try:
            return await driver.execute_fetchall(statement, values)
        except sqlite3.IntegrityError:
            raise
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
