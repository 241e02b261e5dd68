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
    RunNumbers,
    Stored,
    VersionRows,
    arrival,
    each_once,
    newest,
    recorded_event,
    reports_of,
    row,
    version_rows,
)
from consumer_app.storage.errors import (
    TooManyEvents,
    UnreadableEvents,
    standby,
    unreadable_of_number,
)
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
    RECORD_EVENTS,
    RECORDS,
    RUNS,
)
from contracts import FIELDS, MedicationEvent, read_written
from runtime.collector import no_collection

_TYPES = {
    **dict.fromkeys(NUMBERED.values(), "int"),
    "event_time": "timestamptz",
    "action": "smallint",
    "record": "int",
    "received_at": "timestamptz",
    "run": "int",
}


def _arrays(into: Stored) -> str:
    """Write the columns of a table as parameters, from the first."""
    return ", ".join(
        f"${number}::{_TYPES.get(name, 'text')}[]"
        for number, name in enumerate(into.columns, start=1)
    )


def _in_order(into: Stored) -> str:
    """Two who write the same rows in the order of the key can't deadlock."""
    return f"ORDER BY {', '.join(str(place) for place, _ in enumerate(into.key, start=1))}"


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
        INSERT {STORED_EVENTS.into}
        SELECT
            (SELECT numbers FROM patients)[patient], (SELECT numbers FROM medications)[medication],
            {", ".join(COLUMNS[2:])}
        FROM unnest({_arrays(STORED_EVENTS)}) AS given({", ".join(COLUMNS)})
        WHERE (SELECT are_names AND are_runs FROM known)
        {_in_order(STORED_EVENTS)}
        {STORED_EVENTS.on_conflict}
    ), committed AS (
        INSERT INTO {CONSUMERS}
        SELECT {_CONSUMER}::text, {_NOW}::timestamptz, 1 FROM known WHERE are_names AND are_runs
        {ON_NEXT_COMMIT}
    )
    SELECT are_names, are_runs FROM known
"""  # noqa: S608 - words of ours alone
# What stores the events waits for all that was written before. The lock makes those wait who give
# names up, in whichever order.
_BEGIN_ADDING = f"SET LOCAL synchronous_commit = off; SELECT FROM {NUMBERING} FOR SHARE"
# All who do it take the names in one order, and so can't deadlock. What is there is not given a
# number in vain: they end.
_ADD_PATIENTS, _ADD_MEDICATIONS = (
    f"INSERT INTO {table} ({name}) SELECT added FROM unnest($1::text[]) AS named(added)"  # noqa: S608
    f' WHERE NOT EXISTS (SELECT FROM {table} WHERE {name} = added COLLATE "C")'
    f" ON CONFLICT ({name}) DO NOTHING"
    for table, name in ((PATIENTS, "patient_id"), (MEDICATIONS, "medication_name"))
)
# Without those that have all: an ON CONFLICT DO UPDATE would lock their rows.
_ADD_RECORDS = f"""
    INSERT INTO {RECORDS} (digest, record_id)
    SELECT * FROM unnest($1::text[], $2::text[]) AS given(digest, record_id)
    WHERE NOT EXISTS (
        SELECT FROM {RECORDS} AS known
        WHERE known.digest = given.digest COLLATE "C" AND known.record_id IS NOT NULL
    )
    ORDER BY given.digest COLLATE "C"
    ON CONFLICT (digest) DO UPDATE
    SET record_id = excluded.record_id WHERE {RECORDS}.record_id IS NULL
"""  # noqa: S608 - ours too
# Behind _WRITE in one transaction, whose locks see to the runs and the numbers.
_NUMBERS_OF_PATIENTS, _NUMBERS_OF_MEDICATIONS, _NUMBERS_OF_RECORDS = (
    f"SELECT {name}, number FROM unnest($1::text[]) AS named(name)"  # noqa: S608
    f' JOIN {table} ON {name} = named.name COLLATE "C" {where}'
    for table, name, where in (
        (PATIENTS, "patient_id", ""),
        (MEDICATIONS, "medication_name", ""),
        # Where an identifier was erased, it is to be added again.
        (RECORDS, "digest", "WHERE record_id IS NOT NULL"),
    )
)
_WRITE_VERSIONS, _WRITE_RECORD_EVENTS = (
    f"INSERT {into.into} SELECT * FROM unnest({_arrays(into)})"  # noqa: S608 - ours too
    f" {_in_order(into)} {into.on_conflict}"
    for into in (STORED_VERSIONS, STORED_RECORD_EVENTS)
)
# PostgreSQL's driver writes times at the ends of Python's as infinite ones, which come back without
# their zone.
_READ_AS = {
    "event_time": "greatest('0001-01-01T00:00Z', least(event_time, '9999-12-31T23:59:59.999999Z'))",
    **{name: f"nullif({name}, '')" for name in OPTIONAL},
}
_IN_EVENT = [name for name in FIELDS if name not in NUMBERED]
_STORED = ", ".join(_READ_AS.get(name, name) for name in _IN_EVENT)
_OF_RECORD = f"record_id, {RECORD_EVENTS}.version, {SUPERSEDED_BY}"
_JOINED_RECORDS = f"{RECORD_EVENTS} JOIN {RECORDS} ON {RECORDS}.number = record"
# In the row of no patient, as the time of its event, is when any consumer last stored anything.
_LAST = ", ".join(f"({LAST_RECEIVED})" if name == "event_time" else "NULL" for name in FIELDS)


def _reading(of_nobody: str, told: str, told_of_record: str) -> str:
    """Write the statement that reads patients' events, and more of them in a last column."""
    return f"""
        SELECT {_LAST}, NULL, NULL, NULL, {of_nobody} UNION ALL (
            SELECT
                patient_id, medication_name, {", ".join(_IN_EVENT)},
                record_id, version, superseded, told
            FROM (
                SELECT patient_id, event.*
                FROM unnest($1::text[]) AS asked(name)
                JOIN {PATIENTS} ON patient_id = asked.name COLLATE "C", LATERAL (
                    (
                        SELECT medication, {_STORED}, NULL, NULL, NULL, {told} FROM {EVENTS}
                        WHERE patient = {PATIENTS}.number
                        -- By the key: with a limit alone the whole table may seem the shorter way.
                        ORDER BY {", ".join(f"{EVENTS}.{name}" for name in KEY[1:])}
                        LIMIT {MOST_EVENTS + 1}
                    ) UNION ALL (
                        SELECT medication, {_STORED}, {_OF_RECORD}, {told_of_record}
                        FROM {_JOINED_RECORDS}
                        WHERE patient = {PATIENTS}.number
                        ORDER BY {", ".join(f"{RECORD_EVENTS}.{name}" for name in KEY[1:])}
                        LIMIT {MOST_EVENTS + 1}
                    )
                ) AS event(
                    medication, {", ".join(_IN_EVENT)}, record_id, version, superseded, told
                )
                LIMIT {EVENTS_A_TRIP + 1}
            ) AS found LEFT JOIN {MEDICATIONS} ON number = medication
        )
    """  # noqa: S608 - ours too


_ARRIVED, _FIRST_ARRIVED = arrival("received_at")
_NEWEST = newest("$1")
_NOTHING = "NULL::timestamptz"
_READ = _reading(_NOTHING, _NOTHING, _NOTHING)
_READ_ARRIVED = _reading(f"({newest('($1::text[])[1]')})", _ARRIVED, _FIRST_ARRIVED)
_WALKED = f"(SELECT number FROM {PATIENTS} WHERE patient_id = $1)"  # noqa: S608 - ours too
_WALK = f"""
    SELECT $1::text, medication_name, {_STORED}, record_id, version, superseded, arrived
    FROM (
        SELECT
            {", ".join(KEY[1:])}, NULL AS record_id, NULL AS version, NULL AS superseded,
            CASE WHEN $3::boolean THEN {_ARRIVED} END AS arrived
        FROM {EVENTS} WHERE patient = {_WALKED}
        UNION ALL
        SELECT {", ".join(KEY[1:])}, {_OF_RECORD}, CASE WHEN $3 THEN {_FIRST_ARRIVED} END
        FROM {_JOINED_RECORDS} WHERE patient = {_WALKED}
    ) AS found LEFT JOIN {MEDICATIONS} ON number = medication
    WHERE cardinality($2::text[]) = 0 OR medication_name = ANY($2)
    ORDER BY {", ".join(KEY[1:])}
"""  # noqa: S608 - ours too
_WALK_ALL = f"""
    SELECT patient_id, medication_name, {_STORED}, record_id, version, superseded, NULL, patient
    FROM (
        SELECT {", ".join(KEY)}, NULL AS record_id, NULL AS version, NULL AS superseded
        FROM {EVENTS}
        UNION ALL
        SELECT {", ".join(KEY)}, {_OF_RECORD} FROM {_JOINED_RECORDS}
    ) AS found
    LEFT JOIN {PATIENTS} ON {PATIENTS}.number = patient
    LEFT JOIN {MEDICATIONS} ON {MEDICATIONS}.number = medication
    ORDER BY patient, medication
"""  # noqa: S608 - ours too
# As the last ANALYZE found them; of a table in partitions they are in these. To count them would
# take as long as to read them.
_ABOUT_ALL = f"""
    SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND (
        oid IN ('{EVENTS}'::regclass, '{RECORD_EVENTS}'::regclass) OR oid IN (
            SELECT inhrelid FROM pg_inherits
            WHERE inhparent IN ('{EVENTS}'::regclass, '{RECORD_EVENTS}'::regclass)
        )
    )
"""  # noqa: S608 - ours too
# All may be sorted before there is a first row.
_WALK_ALL_SECONDS = 3_600
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
            made = _made(received, numbers)
        else:
            # It takes 50 ms, in which the event loop goes on.
            with no_collection():
                made = await asyncio.to_thread(_made, received, numbers)
        (columns, patients, medications), of_records = made
        runs = {run: number for run, number in numbers.items() if run is not None}
        given = [*columns, patients, medications, [*runs], [*runs.values()], self._consumer]
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            while True:
                with _standby_waited_for(driver):
                    if of_records.versions:
                        are_names, are_runs = await _write_with_versions(driver, given, of_records)
                    else:
                        are_names, are_runs = await _write(driver, given)
                if are_names:
                    return bool(are_runs)
                await _add_names(driver, patients, medications, of_records)

    async def read(self, patient_ids: Sequence[str]) -> Found:
        asked = list(dict.fromkeys(patient_ids))
        async with self._engine.connect() as connection:
            rows = await (await _driver(connection)).fetch(_READ, asked)
        last_received_at: datetime | None = None
        found: dict[str, list[MedicationEvent]] = {}
        unreadable: dict[str, UnreadableEvents] = {}
        for patient_id, medication_name, action, event_time, *others in rows:
            *ids, record_id, version, superseded_by, _ = others
            if patient_id is None:
                last_received_at = event_time
                continue
            events = found.setdefault(patient_id, [])
            if action not in _ACTIONS or medication_name is None:
                unreadable[patient_id] = UnreadableEvents()
                continue
            values = (patient_id, medication_name, _ACTIONS[action], event_time, *ids)
            events.append(
                MedicationEvent(*values)
                if record_id is None
                else recorded_event(*values, record_id, version, superseded_by)
            )
        if len(rows) > EVENTS_A_TRIP:
            # Of the last one the rest may be missing, and of others all.
            asked = [patient_id for patient_id in found if patient_id != rows[-1][0]]
        return Found(
            {each: unreadable.get(each) or _unless_too_many(found.get(each, [])) for each in asked},
            last_received_at,
        )

    async def read_arrived(self, patient_id: str) -> tuple[Reports, datetime | None]:
        async with self._engine.connect() as connection:
            found = await (await _driver(connection)).fetch(_READ_ARRIVED, [patient_id])
        [of_nobody] = (row for row in found if row[0] is None)
        rows = [row for row in found if row[0] is not None]
        if len(rows) > MOST_EVENTS:
            raise TooManyEvents
        return _reports(rows)._replace(newest=of_nobody[-1]), of_nobody[FIELDS.index("event_time")]

    async def newest(self, patient_id: str) -> datetime | None:
        async with self._engine.connect() as connection:
            at: datetime | None = await (await _driver(connection)).fetchval(_NEWEST, patient_id)
            return at

    async def walk(
        self, patient_id: str, medication_names: Collection[str], *, arrived: bool = False
    ) -> AsyncGenerator[Reports, None]:
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            async with driver.transaction(readonly=True):
                # Without a name: behind PgBouncer another client may have given the same one to
                # a statement of the same session.
                walk = await driver.prepare(_WALK, name="")
                cursor = await walk.cursor(patient_id, [*medication_names], arrived)
                while rows := await cursor.fetch(EVENTS_A_PART):
                    yield _reports(rows)

    async def walk_all(self) -> AsyncGenerator[Reports, None]:
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            async with driver.transaction(isolation="repeatable_read", readonly=True):
                walk = await driver.prepare(_WALK_ALL, name="")
                cursor = await walk.cursor()
                while rows := await cursor.fetch(EVENTS_A_PART, timeout=_WALK_ALL_SECONDS):
                    yield _of_all(rows)

    async def about_all(self) -> int:
        async with self._engine.connect() as connection:
            return int(await (await _driver(connection)).fetchval(_ABOUT_ALL))

    async def close(self) -> None:
        """Nothing is held: each call has given its connection back."""


def _reports(rows: Iterable[Iterable[Any]]) -> Reports:
    """Make reports of rows in which actions are numbers still.

    Raises:
        UnreadableEvents: one of them is no event.

    """
    return reports_of(map(_readable, rows))


def _readable(row: Iterable[Any]) -> Iterable[Any]:
    patient_id, medication_name, action, *others = row
    if action not in _ACTIONS or medication_name is None or patient_id is None:
        raise UnreadableEvents
    return patient_id, medication_name, _ACTIONS[action], *others


def _of_all(rows: Sequence[Sequence[Any]]) -> Reports:
    try:
        return _reports(row[:-1] for row in rows)
    except UnreadableEvents:
        for row in rows:
            _see_that_it_is_readable(row)
        raise


def _see_that_it_is_readable(row: Sequence[Any]) -> None:
    try:
        _reports([row[:-1]])
    except UnreadableEvents:
        raise unreadable_of_number(row[-1]) from None


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


def _made(
    received: Sequence[Received], numbers: RunNumbers
) -> tuple[tuple[list[list[Any]], list[str], list[str]], VersionRows]:
    """Make columns of events, and rows of versions of records."""
    return _columns(received, numbers), version_rows(received, numbers, lambda time: time)


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
    columns = _turned(each_once(numbered, STORED_EVENTS), STORED_EVENTS)
    return columns, [*patients], [*medications]


def _places(names: Iterable[str]) -> dict[str, int]:
    """Give each name a place, from 1."""
    return {name: place for place, name in enumerate(dict.fromkeys(names), start=1)}


async def _write(driver: Any, given: Sequence[Any]) -> tuple[bool, bool]:  # noqa: ANN401
    """Write events; say whether all names have numbers and all runs are open: else nothing is."""
    are_names, are_runs = await driver.fetchrow(_WRITE, *given, datetime.now(UTC))
    return bool(are_names), bool(are_runs)


async def _write_with_versions(
    driver: Any,  # noqa: ANN401 - asyncpg has no types
    given: Sequence[Any],
    of_records: VersionRows,
) -> tuple[bool, bool]:
    """Write versions of records, too, in one transaction with the events."""
    transaction = driver.transaction()
    await transaction.start()
    try:
        are_names, are_runs = await _write(driver, given)
        if are_names and are_runs:
            are_names = await _write_versions(driver, of_records)
    except BaseException:
        await transaction.rollback()
        raise
    if are_names and are_runs:
        await transaction.commit()
    else:
        await transaction.rollback()
    return are_names, are_runs


async def _write_versions(driver: Any, rows: VersionRows) -> bool:  # noqa: ANN401
    found: list[dict[str, int]] = []
    for statement, names in (
        (_NUMBERS_OF_PATIENTS, rows.patients),
        (_NUMBERS_OF_MEDICATIONS, rows.medications),
        (_NUMBERS_OF_RECORDS, [*rows.records]),
    ):
        found.append(dict(await driver.fetch(statement, names)))
        if len(found[-1]) < len(names):
            return False
    numbered = rows.numbered(*found)
    await driver.execute(_WRITE_VERSIONS, *_turned(numbered.versions, STORED_VERSIONS))
    await driver.execute(_WRITE_RECORD_EVENTS, *_turned(numbered.events, STORED_RECORD_EVENTS))
    return True


def _turned(rows: Iterable[Sequence[Any]], into: Stored) -> list[list[Any]]:
    """Make columns of rows."""
    return [*map(list, zip(*rows, strict=True))] or [[] for _ in into.columns]


async def _add_names(
    driver: Any,  # noqa: ANN401 - has no types
    patients: Iterable[str],
    medications: Iterable[str],
    of_records: VersionRows,
) -> None:
    async with driver.transaction():
        await driver.execute(_BEGIN_ADDING)
        await driver.execute(_ADD_PATIENTS, sorted({*patients, *of_records.patients}))
        await driver.execute(_ADD_MEDICATIONS, sorted({*medications, *of_records.medications}))
        if records := of_records.records:
            await driver.execute(_ADD_RECORDS, [*records.keys()], [*records.values()])
