"""PostgreSQL, straight through asyncpg."""

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumer_app.storage.backend import (
    COLUMNS,
    EVENTS_A_PART,
    EVENTS_A_TRIP,
    INSERT,
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
from consumer_app.storage.errors import TooManyEvents, UnreadableEvents, standby
from consumer_app.storage.tables import CONSUMERS, KEY, OPTIONAL, RUNS, TABLE
from contracts import FIELDS, Action, MedicationEvent

_TYPES = {"event_time": "timestamptz", "received_at": "timestamptz", "run": "int"}
_ARRAYS = ", ".join(
    f"${number}::{_TYPES.get(name, 'text')}[]" for number, name in enumerate(COLUMNS, start=1)
)
_GIVEN = ", ".join(f"coalesce({name}, '')" if name in OPTIONAL else name for name in COLUMNS)
_KNOWN_NAMES, _KNOWN_NUMBERS, _CONSUMER, _NOW = (f"${len(COLUMNS) + n}" for n in (1, 2, 3, 4))
# The lock makes a retraction wait for what is being stored of the run, and shows what comes behind
# it that it was. Two writers that take the same rows in the same order can't deadlock.
_WRITE = f"""
    WITH found AS (
        SELECT FROM {RUNS}
        JOIN unnest({_KNOWN_NAMES}::text[], {_KNOWN_NUMBERS}::int[]) AS known(name, id)
        USING (name, id)
        WHERE retracted_at IS NULL FOR SHARE OF {RUNS}
    ), as_expected AS (
        SELECT count(*) = cardinality({_KNOWN_NAMES}) AS it_is FROM found
    ), written AS (
        {INSERT}
        SELECT {_GIVEN} FROM unnest({_ARRAYS}) AS given({", ".join(COLUMNS)})
        WHERE (SELECT it_is FROM as_expected)
        ORDER BY {", ".join(str(place) for place, _ in enumerate(KEY, start=1))}
        {ON_CONFLICT}
    ), committed AS (
        INSERT INTO {CONSUMERS}
        SELECT {_CONSUMER}::text, {_NOW}::timestamptz, 1 FROM as_expected WHERE it_is
        {ON_NEXT_COMMIT}
    )
    SELECT it_is FROM as_expected
"""  # noqa: S608 - words of ours alone
# An older version stored times at the ends of Python's as infinite ones, which come back without
# their zone.
_READ_AS = {
    "event_time": "greatest('0001-01-01T00:00Z', least(event_time, '9999-12-31T23:59:59.999999Z'))",
    **{name: f"nullif({name}, '')" for name in OPTIONAL},
}
_STORED = ", ".join(_READ_AS.get(name, name) for name in FIELDS)
# In the row of no patient, as the time of its event, is when any consumer last stored anything.
_NEWEST = ", ".join(f"({LAST_RECEIVED})" if name == "event_time" else "NULL" for name in FIELDS)
_READ = f"""
    SELECT {_NEWEST} UNION ALL (
        SELECT event.* FROM unnest($1::text[]) AS asked(patient), LATERAL (
            SELECT {_STORED} FROM {TABLE}
            WHERE patient_id = asked.patient COLLATE "C"
            -- By the key: with a limit alone the whole table may seem the shorter way.
            ORDER BY {", ".join(f"{TABLE}.{name}" for name in KEY[1:])} LIMIT {MOST_EVENTS + 1}
        ) AS event
        LIMIT {EVENTS_A_TRIP + 1}
    )
"""  # noqa: S608 - ours too
_WALK = f"""
    SELECT {_STORED} FROM {TABLE}
    WHERE patient_id = $1 AND (cardinality($2::text[]) = 0 OR medication_name = ANY($2))
    ORDER BY {", ".join(f"{TABLE}.{name}" for name in KEY[1:])}
"""  # noqa: S608 - ours too
_READ_ONLY = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
_ACTIONS = {action.value: action for action in Action}
_WAITS_FOR_STANDBY = "SyncRepWaitForLSN"
"""The function of PostgreSQL that waits; what it reports is in the server's language."""


class PostgresBackend:
    """A connection of the engine's pool for each call."""

    def __init__(self, engine: AsyncEngine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer

    def rows(
        self, events: Iterable[MedicationEvent], received_at: datetime, run: str | None
    ) -> list[Row]:
        return [row(event, event.event_time, received_at, run) for event in events]

    async def prepare(self) -> None:
        async with self._engine.connect() as connection:
            read_only = await (await _driver(connection)).fetchval(_READ_ONLY)
        if read_only:
            raise standby()

    async def insert(self, rows: Sequence[Row], numbers: Numbers) -> Sequence[Row]:
        # A statement can't change a row twice.
        columns = [*map(list, zip(*_each_once(rows, numbers), strict=True))] or [[]] * len(COLUMNS)
        runs = {run: number for run, number in numbers.items() if run is not None}
        commit = self._consumer, datetime.now(UTC)
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            with _standby_waited_for(driver):
                stored = await driver.fetchval(_WRITE, *columns, [*runs], [*runs.values()], *commit)
        return [] if stored else rows

    async def read(self, patient_ids: Sequence[str]) -> Found:
        asked = list(dict.fromkeys(patient_ids))
        async with self._engine.connect() as connection:
            rows = await (await _driver(connection)).fetch(_READ, asked)
        last_received_at: datetime | None = None
        found: dict[str, list[MedicationEvent]] = {}
        unreadable: dict[str, UnreadableEvents] = {}
        for patient_id, medication_name, action, event_time, *others in rows:
            if patient_id is None:
                last_received_at = event_time
                continue
            events = found.setdefault(patient_id, [])
            try:
                named = _ACTIONS[action]
            except KeyError:
                unreadable[patient_id] = UnreadableEvents()
                continue
            events.append(MedicationEvent(patient_id, medication_name, named, event_time, *others))
        if len(rows) > EVENTS_A_TRIP:
            # Of the last one the rest may be missing, and of others all.
            asked = [patient_id for patient_id in found if patient_id != rows[-1][0]]
        return Found(
            {each: unreadable.get(each) or _unless_too_many(found.get(each, [])) for each in asked},
            last_received_at,
        )

    async def walk(
        self, patient_id: str, medication_names: Collection[str]
    ) -> AsyncGenerator[Sequence[MedicationEvent], None]:
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            async with driver.transaction(readonly=True):
                cursor = await driver.cursor(_WALK, patient_id, [*medication_names])
                while rows := await cursor.fetch(EVENTS_A_PART):
                    yield [_walked(row) for row in rows]

    async def close(self) -> None:
        """Nothing is held: each call has given its connection back."""


def _walked(row: Iterable[Any]) -> MedicationEvent:
    patient_id, medication_name, action, *others = row
    if action not in _ACTIONS:
        raise UnreadableEvents
    return one_of_many((patient_id, medication_name, _ACTIONS[action], *others))


def _unless_too_many(events: list[MedicationEvent]) -> Events:
    return TooManyEvents() if len(events) > MOST_EVENTS else events


async def _driver(connection: AsyncConnection) -> Any:  # noqa: ANN401 - asyncpg has no types
    return (await connection.get_raw_connection()).driver_connection


@contextmanager
def _standby_waited_for(driver: Any) -> Iterator[None]:  # noqa: ANN401 - asyncpg has no types
    """Fail where a commit has not waited for the standbys to the end, which is but a warning.

    A synchronous standby may then lack what is committed, and take over without it.
    """
    cancelled = []

    def listen(_: object, message: Any) -> None:  # noqa: ANN401 - has no types
        if message.server_source_function == _WAITS_FOR_STANDBY:
            cancelled.append(message.message)

    driver.add_log_listener(listen)
    try:
        yield
    finally:
        driver.remove_log_listener(listen)
    if cancelled:
        raise OSError(cancelled[0])


def _each_once(rows: Iterable[Row], numbers: Numbers) -> Iterable[list[Any]]:
    """Give rows the numbers of their runs, and make equal events one: see ``tables``."""
    events: dict[Row, list[Any]] = {}
    for each in rows:
        number = numbers[each[-1]]
        first = events.setdefault(each[: len(KEY)], [*each[:-1], number])
        if abs(first[-1]) != number:
            first[-1] = -abs(first[-1])
    return events.values()
