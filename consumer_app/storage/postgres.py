"""PostgreSQL, straight through asyncpg."""

import asyncio
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
    Received,
    RunNumbers,
    one_of_many,
    row,
)
from consumer_app.storage.errors import TooManyEvents, UnreadableEvents, standby
from consumer_app.storage.tables import (
    ACTIONS,
    CONSUMERS,
    EVENTS,
    KEY,
    MEDICATIONS,
    NUMBERED,
    NUMBERING,
    OPTIONAL,
    PATIENTS,
    RUNS,
)
from contracts import FIELDS, MedicationEvent, read_written
from runtime.collector import no_collection

_TYPES = {
    **dict.fromkeys(NUMBERED.values(), "int"),
    "event_time": "timestamptz",
    "action": "smallint",
    "received_at": "timestamptz",
    "run": "int",
}
_ARRAYS = ", ".join(
    f"${number}::{_TYPES.get(name, 'text')}[]" for number, name in enumerate(COLUMNS, start=1)
)
_PATIENTS, _MEDICATIONS, _KNOWN_RUNS, _NUMBERS_OF_RUNS, _CONSUMER, _NOW = (
    f"${len(COLUMNS) + n}" for n in (1, 2, 3, 4, 5, 6)
)
# What is given of patients and medications are places in lists of their names, from 1. The locks
# make a retraction wait for what is being stored of the run, and who gives numbers up for what is
# being stored under them; and they show what comes behind it that it was: a row that is locked is
# the newest, and others are as they were when the statement began. Two writers that take the same
# rows in the same order can't deadlock.
_WRITE = f"""
    WITH found AS (
        SELECT FROM {RUNS}
        JOIN unnest({_KNOWN_RUNS}::text[], {_NUMBERS_OF_RUNS}::int[]) AS known(name, id)
        USING (name, id)
        WHERE retracted_at IS NULL FOR SHARE OF {RUNS}
    ), locked AS (
        SELECT given_up FROM {NUMBERING} FOR SHARE
    ), patients AS (
        SELECT array_agg(number ORDER BY place) AS numbers,
        count(*) = cardinality({_PATIENTS}) AS are_all
        FROM unnest({_PATIENTS}::text[]) WITH ORDINALITY AS named(name, place)
        JOIN {PATIENTS} ON patient_id = named.name COLLATE "C"
    ), medications AS (
        SELECT array_agg(number ORDER BY place) AS numbers,
        count(*) = cardinality({_MEDICATIONS}) AS are_all
        FROM unnest({_MEDICATIONS}::text[]) WITH ORDINALITY AS named(name, place)
        JOIN {MEDICATIONS} ON medication_name = named.name COLLATE "C"
    ), known AS (
        SELECT (SELECT given_up FROM locked) = (SELECT given_up FROM {NUMBERING})
        AND patients.are_all AND medications.are_all AS are_names,
        (SELECT count(*) FROM found) = cardinality({_KNOWN_RUNS}) AS are_runs
        FROM patients, medications
    ), written AS (
        {INSERT}
        SELECT
            (SELECT numbers FROM patients)[patient], (SELECT numbers FROM medications)[medication],
            {", ".join(COLUMNS[2:])}
        FROM unnest({_ARRAYS}) AS given({", ".join(COLUMNS)})
        WHERE (SELECT are_names AND are_runs FROM known)
        ORDER BY {", ".join(str(place) for place, _ in enumerate(KEY, start=1))}
        {ON_CONFLICT}
    ), committed AS (
        INSERT INTO {CONSUMERS}
        SELECT {_CONSUMER}::text, {_NOW}::timestamptz, 1 FROM known WHERE are_names AND are_runs
        {ON_NEXT_COMMIT}
    )
    SELECT are_names, are_runs FROM known
"""  # noqa: S608 - words of ours alone
# All who do it take the names in one order, and so can't deadlock.
_ADD_NAMES = tuple(
    f"INSERT INTO {table} ({name}) SELECT unnest($1::text[]) ON CONFLICT ({name}) DO NOTHING"
    for table, name in ((PATIENTS, "patient_id"), (MEDICATIONS, "medication_name"))
)
# PostgreSQL's driver writes times at the ends of Python's as infinite ones, which come back without
# their zone.
_READ_AS = {
    "event_time": "greatest('0001-01-01T00:00Z', least(event_time, '9999-12-31T23:59:59.999999Z'))",
    **{name: f"nullif({name}, '')" for name in OPTIONAL},
}
_IN_EVENT = [name for name in FIELDS if name not in NUMBERED]
_STORED = ", ".join(_READ_AS.get(name, name) for name in _IN_EVENT)
# In the row of no patient, as the time of its event, is when any consumer last stored anything.
_NEWEST = ", ".join(f"({LAST_RECEIVED})" if name == "event_time" else "NULL" for name in FIELDS)
_READ = f"""
    SELECT {_NEWEST} UNION ALL (
        SELECT patient_id, medication_name, {", ".join(_IN_EVENT)}
        FROM (
            SELECT patient_id, event.*
            FROM unnest($1::text[]) AS asked(name)
            JOIN {PATIENTS} ON patient_id = asked.name COLLATE "C", LATERAL (
                SELECT medication, {_STORED} FROM {EVENTS}
                WHERE patient = {PATIENTS}.number
                -- By the key: with a limit alone the whole table may seem the shorter way.
                ORDER BY {", ".join(f"{EVENTS}.{name}" for name in KEY[1:])}
                LIMIT {MOST_EVENTS + 1}
            ) AS event({", ".join(["medication", *_IN_EVENT])})
            LIMIT {EVENTS_A_TRIP + 1}
        ) AS found LEFT JOIN {MEDICATIONS} ON number = medication
    )
"""  # noqa: S608 - ours too
_WALK = f"""
    SELECT $1::text, medication_name, {_STORED}
    FROM {EVENTS} LEFT JOIN {MEDICATIONS} ON number = medication
    WHERE patient = (SELECT number FROM {PATIENTS} WHERE patient_id = $1)
    AND (cardinality($2::text[]) = 0 OR medication_name = ANY($2))
    ORDER BY {", ".join(f"{EVENTS}.{name}" for name in KEY[1:])}
"""  # noqa: S608 - ours too
_FEW_EVENTS = 1_024
_READ_ONLY = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
_ACTIONS = dict(enumerate(ACTIONS))
_WAITS_FOR_STANDBY = "SyncRepWaitForLSN"
"""The function of PostgreSQL that waits; what it reports is in the server's language."""


class PostgresBackend:
    """A connection of the engine's pool for each call."""

    # To send a statement of more holds up the event loop for longer, and gains little.
    EVENTS_A_COMMIT = 16_384
    BYTES_A_COMMIT = 5_000_000

    def __init__(self, engine: AsyncEngine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer

    async def prepare(self) -> None:
        async with self._engine.connect() as connection:
            read_only = await (await _driver(connection)).fetchval(_READ_ONLY)
        if read_only:
            raise standby()

    async def insert(self, received: Sequence[Received], numbers: RunNumbers) -> bool:
        if sum(each.size for each in received) <= _FEW_EVENTS:
            columns, patients, medications = _columns(received, numbers)
        else:
            # It takes 50 ms, in which the event loop goes on.
            with no_collection():
                made = await asyncio.to_thread(_columns, received, numbers)
            columns, patients, medications = made
        runs = {run: number for run, number in numbers.items() if run is not None}
        given = [*columns, patients, medications, [*runs], [*runs.values()], self._consumer]
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            while True:
                with _standby_waited_for(driver):
                    are_names, are_runs = await driver.fetchrow(_WRITE, *given, datetime.now(UTC))
                if are_names:
                    return bool(are_runs)
                await _add_names(driver, patients, medications)

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
            if action not in _ACTIONS or medication_name is None:
                unreadable[patient_id] = UnreadableEvents()
                continue
            values = (medication_name, _ACTIONS[action], event_time, *others)
            events.append(MedicationEvent(patient_id, *values))
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
                # Without a name: behind PgBouncer another client may have given the same one to
                # a statement of the same session.
                walk = await driver.prepare(_WALK, name="")
                cursor = await walk.cursor(patient_id, [*medication_names])
                while rows := await cursor.fetch(EVENTS_A_PART):
                    yield [_walked(row) for row in rows]

    async def close(self) -> None:
        """Nothing is held: each call has given its connection back."""


def _walked(row: Iterable[Any]) -> MedicationEvent:
    patient_id, medication_name, action, *others = row
    if action not in _ACTIONS or medication_name is None:
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


def _columns(
    received: Iterable[Received], numbers: RunNumbers
) -> tuple[list[list[Any]], list[str], list[str]]:
    """Make columns of events, each event once: a statement can't change a row twice.

    Return the patients and medications, too, whose places in these lists stand in the columns.
    """
    rows = [
        row(event, event.medication_name, event.event_time, each.at, numbers[each.run])
        for each in received
        for event in read_written(each.written)
    ]
    patients, medications = _places(each[0] for each in rows), _places(each[1] for each in rows)
    numbered = ((patients[each[0]], medications[each[1]], *each[2:]) for each in rows)
    columns = [*map(list, zip(*_each_once(numbered), strict=True))] or [[]] * len(COLUMNS)
    return columns, [*patients], [*medications]


def _places(names: Iterable[str]) -> dict[str, int]:
    """Give each name a place, from 1."""
    return {name: place for place, name in enumerate(dict.fromkeys(names), start=1)}


async def _add_names(driver: Any, *names: Iterable[str]) -> None:  # noqa: ANN401 - has no types
    async with driver.transaction():
        # What stores the events waits for all that was written before.
        await driver.execute("SET LOCAL synchronous_commit = off")
        for statement, added in zip(_ADD_NAMES, names, strict=True):
            await driver.execute(statement, sorted(added))


def _each_once(rows: Iterable[tuple[Any, ...]]) -> Iterable[list[Any]]:
    """Make equal events one: see ``tables``."""
    events: dict[tuple[Any, ...], list[Any]] = {}
    for each in rows:
        number = each[-1]
        first = events.setdefault(each[: len(KEY)], [*each])
        if abs(first[-1]) != number:
            first[-1] = -abs(first[-1])
    return events.values()
