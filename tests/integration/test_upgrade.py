"""A database of version 1.0.0: its texts are read as today's are, and no event counts twice."""

import asyncio
import errno
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import asyncpg
import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection

from consumer_app.storage import replacing
from consumer_app.storage.database import _POSTGRES_LIMITS, _POSTGRES_SETTINGS, open_database
from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase
from consumer_app.storage.migrations import events_of_1_0_0
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore, ReceivedEvent
from contracts import FIELDS, MedicationEvent, explain_event
from contracts.text import read_identifier
from local.postgres import PrivatePostgres
from runtime.durable import put_in_place
from tests.databases import PostgresDatabase, SqliteFile, connect
from tests.processes import run_module, run_together

SCHEMA = """
    CREATE TABLE medication_event (
        patient_id VARCHAR{collation} NOT NULL,
        medication_name VARCHAR{collation} NOT NULL,
        event_time {time} NOT NULL,
        action VARCHAR{collation} NOT NULL,
        order_id VARCHAR{collation} NOT NULL,
        event_id VARCHAR{collation} NOT NULL,
        received_at {time} NOT NULL,
        PRIMARY KEY (patient_id, medication_name, event_time, action, order_id, event_id)
    ){storage};
    {partitions}
    CREATE TABLE alembic_version (
        version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    );
    INSERT INTO alembic_version VALUES ('0001')
"""
KEY = ("patient_id", "medication_name", "event_time", "action", "order_id", "event_id")
FIRST_ARRIVAL = datetime(2026, 11, 24, tzinfo=UTC)

Row = tuple[Any, ...]
Fill = Callable[[Iterable[Row]], Any]


def row(patient: str, medication: str, action: str = "start", **optional: str) -> dict[str, str]:
    event = {"patient_id": patient, "medication_name": medication, "action": action}
    return event | {"event_time": "2021-01-05T08:00:00Z"} | optional


FILE = [
    row("1", "Heparin"),
    row("1", "Insulin\u00a0 aspart"),
    row("1", "Insulin  aspart", "stop"),
    row("1", "NaCl 0.9%\u2003in water", order_id="A  7", event_id="pump\u202f1"),
    row("1", "Noradrenaline \ufeff"),
    row("1", "Noradrenaline"),  # looks equal to the one before it
    row("2  a", "Heparin"),
    row("3", "قرص می\u200cخورم"),  # a joiner that its script needs
    row("4", "Ätherisches Öl"),
    row("5", "Heparin", order_id="A\u200b"),
    row("6\u200b", "Heparin"),
    row("\u2060", "Heparin"),
]


def as_stored(number: int, fields: dict[str, str]) -> Row:
    """Give the row that 1.0.0 made of an event: it only trimmed, and normalised accents."""
    texts = {
        name: unicodedata.normalize("NFC", fields.get(name, "").strip())
        for name in KEY
        if name != "event_time"
    }
    times = datetime.fromisoformat(fields["event_time"]), FIRST_ARRIVAL + timedelta(number)
    return (*(texts.get(name, times[0]) for name in KEY), times[1])


def written(time: datetime) -> str:
    return f"{time.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


async def in_sqlite(folder: Path, rows: Iterable[Row]) -> str:
    database = SqliteFile(folder)
    texts = [
        tuple(written(each) if isinstance(each, datetime) else each for each in r) for r in rows
    ]
    with closing(sqlite3.connect(database.file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            SCHEMA.format(collation="", time="VARCHAR", storage=" WITHOUT ROWID", partitions="")
        )
        connection.executemany("INSERT INTO medication_event VALUES (?,?,?,?,?,?,?)", texts)
        connection.commit()
    return database.url


async def in_postgresql(url: str, rows: Iterable[Row], partitions: int) -> str:
    schema = SCHEMA.format(
        collation=' COLLATE "C"',
        time="TIMESTAMP WITH TIME ZONE",
        storage=" PARTITION BY HASH (patient_id)" if partitions else "",
        partitions="".join(
            f"CREATE TABLE medication_event_{number} PARTITION OF medication_event"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number});"
            for number in range(partitions)
        ),
    )
    connection = await connect(url)
    await connection.execute(schema)
    insert = "INSERT INTO medication_event VALUES ($1,$2,$3,$4,$5,$6,$7)"
    await connection.executemany(insert, list(rows))
    await connection.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql", "postgresql in partitions"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Iterable[Row]], Any]:
    """Give what makes a database of 1.0.0 with such rows, and returns its URL."""
    if request.param == "sqlite":
        return lambda rows: in_sqlite(tmp_path, rows)
    server: PrivatePostgres = request.getfixturevalue("postgres")
    url = PostgresDatabase(server).url
    partitions = 4 if "partitions" in request.param else 0
    return lambda rows: in_postgresql(url, rows, partitions)


def read(fields: dict[str, str]) -> MedicationEvent | None:
    try:
        return explain_event(fields)
    except ValidationError:
        return None


def upgraded(url: str) -> EventStore:
    """Open a database of 1.0.0 as an operator does who has made a backup."""
    return EventStore.at(url, Terms(backed_up_before="2.0.0"))


async def stored(store: EventStore, patient: str) -> Sequence[ReceivedEvent]:
    return (await store.read_page(patient, 100)).events


def of(received: ReceivedEvent) -> MedicationEvent:
    return MedicationEvent(**{name: getattr(received, name) for name in FIELDS})


async def test_a_file_that_was_stored_by_1_0_0_counts_once_when_it_is_published_again(
    database: Fill, caplog: pytest.LogCaptureFixture
) -> None:
    url = await database(as_stored(*each) for each in enumerate(FILE))
    again = [event for event in map(read, FILE) if event is not None]

    async with upgraded(url) as store:
        with caplog.at_level(logging.WARNING):
            before = {patient: await stored(store, patient) for patient in ["1", "2 a", "3", "4"]}
        await store.add(again)
        after = {patient: await stored(store, patient) for patient in before}

    assert after == before
    assert {of(event) for found in after.values() for event in found} == {*again}
    assert [len(found) for found in after.values()] == [5, 1, 1, 1]
    *shut_out, copied, report = (each.getMessage() for each in caplog.records)
    assert shut_out == ([SHUT_OUT] if url.startswith("postgresql") else [])
    assert copied.startswith(COPIED)
    assert report == REPORT


SHUT_OUT = (
    "versions before 2.0.0 can't use the database any more once it is migrated; the way back is "
    "the backup that DATABASE_BACKED_UP_BEFORE says you have made"
)
COPIED = "12 events are copied "
REPORT = (
    "of 12 stored events 8 had texts with spaces or invisible characters and are "
    "rewritten: 3 had invisible characters in an identifier, 1 became equal to another event"
)


def test_the_command_that_migrates_tells_what_it_has_rewritten(tmp_path: Path) -> None:
    url = asyncio.run(in_sqlite(tmp_path, (as_stored(*each) for each in enumerate(FILE))))
    done = run_module("consumer_app", ["database", "migrate"], {"DATABASE_URL": url})
    done.check_returncode()
    copied, report = done.stderr.splitlines()
    assert copied.startswith(COPIED)
    assert copied.endswith(
        f"versions before 2.0.0 can't use it, and the way back is {tmp_path}/events.db.before-2.0.0"
    )
    assert (done.stdout, report) == ("the schema is the newest\n", REPORT)


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def test_a_migration_that_shuts_the_release_before_out_leaves_what_leads_back(
    tmp_path: Path,
) -> None:
    url = await in_sqlite(tmp_path, (as_stored(*each) for each in enumerate(FILE)))
    before = await execute(url, both("SELECT * FROM medication_event"))
    async with EventStore.at(url) as store:
        assert await store.problem() is None

    backup = f"{url}.before-2.0.0"
    assert await execute(backup, both("SELECT * FROM medication_event")) == before
    assert await execute(backup, both("SELECT * FROM alembic_version")) == [("0001",)]
    assert mode_of(tmp_path / "events.db.before-2.0.0") == 0o600


async def test_the_way_back_is_put_back_by_the_command_that_restores(tmp_path: Path) -> None:
    url = await in_sqlite(tmp_path, (as_stored(*each) for each in enumerate(FILE)))
    before = await execute(url, both(EVENTS_OF_1_0_0))
    async with upgraded(url) as store:
        assert await store.problem() is None
    way_back = tmp_path / "events.db.before-2.0.0"
    restored = await asyncio.to_thread(
        run_module, "consumer_app", ["database", "restore", str(way_back)], {"DATABASE_URL": url}
    )
    assert restored.returncode == 0, restored.stderr
    assert await execute(url, both(EVENTS_OF_1_0_0)) == before

    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match="there is something of that name"):
            await store.prepare()
        way_back.unlink()
        await store.prepare()
    assert await execute(url, REVISION) == [("0008",)]


async def test_a_view_that_would_fail_the_migration_at_its_end_is_named_before(
    postgres_url: str,
) -> None:
    url = await in_postgresql(postgres_url, many(20), partitions=0)
    await execute(url, both("CREATE VIEW of_the_ward AS SELECT * FROM medication_event"))
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match="on which of_the_ward depends: drop that"):
            await store.prepare()
        await execute(url, both("DROP VIEW of_the_ward"))
        await store.prepare()


@pytest.mark.fault("migration of a file to which somebody has added more")
async def test_what_else_is_in_a_file_is_named_and_not_lost(tmp_path: Path) -> None:
    url = await in_sqlite(tmp_path, many(20))
    added = {
        "of_the_ward": "VIEW of_the_ward AS SELECT * FROM medication_event",
        "patient": "TABLE patient (number INTEGER PRIMARY KEY, patient_id VARCHAR UNIQUE)",
    }
    await execute(url, {"sqlite": [f"CREATE {each}" for each in added.values()]})
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match="the database holds of_the_ward, patient, wh"):
            await store.prepare()
        assert not beside(tmp_path / "events.db")
        await execute(url, {"sqlite": ["DROP VIEW of_the_ward", "DROP TABLE patient"]})
        await store.prepare()
    assert await execute(url, ALL) == [(20,)]


@pytest.mark.fault("migration that loses a name")
@pytest.mark.parametrize("names", ["patient", "medication"])
async def test_a_migration_that_loses_a_name_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    losing = and_then(f"DELETE FROM today.{names} WHERE number = 1")
    copying = losing(events_of_1_0_0.copy_events)
    monkeypatch.setattr("consumer_app.storage.replacing.copy_events", copying)
    async with upgraded(url) as store:
        with pytest.raises(DatabaseUnavailable, match=r"of 20 events .* [0-9]+ have their names"):
            await store.prepare()
    assert not beside(tmp_path / "events.db")
    assert await execute(url, REVISION) == [("0001",)]


def beside(file: Path) -> list[Path]:
    return [*file.parent.glob(f"{file.name}.*")]


async def test_a_migration_that_is_stopped_changes_nothing(tmp_path: Path) -> None:
    url = await in_sqlite(tmp_path, many(60_000))
    unfinished = tmp_path / "events.db.unfinished"
    async with asyncio.timeout(60), upgraded(url) as store:
        preparing = asyncio.create_task(store.prepare())
        while not unfinished.exists():  # noqa: ASYNC110 - a thread makes it
            await asyncio.sleep(0.01)
        preparing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await preparing
        while unfinished.exists():  # noqa: ASYNC110 - a thread takes it away
            await asyncio.sleep(0.01)
    assert await execute(url, REVISION) == [("0001",)]
    assert not beside(tmp_path / "events.db")


@pytest.mark.fault("migration whose way back can't be kept")
def test_a_way_back_that_can_not_be_kept_keeps_the_release_before(tmp_path: Path) -> None:
    url = asyncio.run(in_sqlite(tmp_path, (as_stored(*each) for each in enumerate(FILE))))
    (tmp_path / "events.db.before-2.0.0").mkdir()

    refused = run_module("consumer_app", ["database", "migrate"], {"DATABASE_URL": url})

    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert f"the way back would be {tmp_path}/events.db.before-2.0.0, and" in line
    assert line.endswith("there is something of that name: move it away")
    revision = asyncio.run(execute(url, both("SELECT * FROM alembic_version")))
    assert revision == [("0001",)]
    assert not [*tmp_path.glob("*.unfinished")]


async def test_postgresql_is_migrated_past_the_release_before_once_there_is_a_backup(
    postgres_url: str,
) -> None:
    url = await in_postgresql(postgres_url, many(20), partitions=0)
    async with EventStore.at(url, Terms(backed_up_before="1.5.0")) as store:
        with pytest.raises(UnusableDatabase) as refused:
            await store.prepare()
    assert str(refused.value) == (
        "a migration would shut out all versions before 2.0.0, for good: make a backup with "
        "pg_dump, then set DATABASE_BACKED_UP_BEFORE=2.0.0"
    )
    assert await execute(url, both("SELECT * FROM alembic_version")) == [("0001",)]

    async with upgraded(url) as store:
        await store.prepare()
    assert await execute(url, IN_THE_OLD_FORM) == [(0,)]


async def test_of_events_that_become_equal_the_first_arrival_stays(database: Fill) -> None:
    late, early, plain = FIRST_ARRIVAL, FIRST_ARRIVAL - timedelta(1), FIRST_ARRIVAL + timedelta(1)
    spellings = {"Insulin  aspart": late, "Insulin\u00a0aspart": early, "Insulin aspart": plain}
    rows = [(*as_stored(0, row("1", name))[:-1], received) for name, received in spellings.items()]
    async with upgraded(await database(rows)) as store:
        (event,) = await stored(store, "1")

    assert (event.medication_name, event.received_at) == ("Insulin aspart", early)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
async def test_a_time_at_the_ends_of_time_is_copied(database: Fill, time: str) -> None:
    """PostgreSQL's driver made infinite ones of them."""
    stored_then = as_stored(0, row("1", "Heparin", event_time=time))
    async with upgraded(await database([stored_then])) as store:
        (event,) = await stored(store, "1")

    assert event.event_time == datetime.fromisoformat(time)


async def test_what_is_refused_in_an_identifier_today_is_left_out_of_a_stored_one(
    database: Fill,
) -> None:
    url = await database(as_stored(*each) for each in enumerate(FILE))
    async with upgraded(url) as store:
        found = [
            *await stored(store, "5"),
            *await stored(store, "6"),
            *await stored(store, "U+2060"),
        ]

    assert [(event.patient_id, event.order_id) for event in found] == [
        ("5", "A"),
        ("6", None),
        ("U+2060", None),
    ]


async def test_all_of_many_patients_are_read_and_no_row_is_lost(database: Fill) -> None:
    rows = [
        as_stored(0, row(f"{patient // 20}", f"Medication  {patient}") | {"event_id": "\u00e9"})
        for patient in range(25_000)
    ]
    async with upgraded(await database(rows)) as store:
        for patient in ("0", "999", "1249"):
            found = await stored(store, patient)
            assert {event.medication_name for event in found} == {
                f"Medication {number}"
                for number in range(int(patient) * 20, int(patient) * 20 + 20)
            }


def many(events: int) -> Iterable[Row]:
    """Give events of 1.0.0, 20 for each patient, the first of which is rewritten."""
    for number in range(events):
        spaces = " " if number % 20 else "  "
        yield as_stored(0, row(f"{number // 20:05}", f"Medication{spaces}{number}"))


Stop = Callable[[], None]
Statements = dict[str, list[str]]
"""By the kind of database."""


def both(statement: str) -> Statements:
    return {"sqlite": [statement], "postgresql": [statement]}


ALL = both("SELECT count(*) FROM medication_event")
IN_THE_OLD_FORM = both("SELECT count(*) FROM medication_event WHERE medication_name LIKE '%  %'")
REVISION = both("SELECT version_num FROM alembic_version")


async def execute(url: str, statements: Statements) -> list[Any]:
    """Execute statements as another program would; return the rows of the last one."""
    engine = open_database(url)
    async with engine.begin() as connection:
        for statement in statements[engine.dialect.name]:
            result = await connection.exec_driver_sql(statement)
        rows = [tuple(found) for found in result] if result.returns_rows else []
    await engine.dispose()
    return rows


@pytest.mark.fault("migration that fails")
async def test_a_migration_that_fails_changes_nothing_and_can_be_repeated(database: Fill) -> None:
    strange = (*as_stored(0, row("9", "Heparin", "pause")),)
    url = await database([*many(25_000), strange])
    before = await execute(url, both(EVENTS_OF_1_0_0))
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match=r"column action .* must be one of 'start', "):
            await store.prepare()
    assert await execute(url, both(EVENTS_OF_1_0_0)) == before
    assert await execute(url, REVISION) == [("0001",)]

    await execute(url, both("DELETE FROM medication_event WHERE action = 'pause'"))
    async with upgraded(url) as store:
        assert await store.problem() is None
    assert await execute(url, IN_THE_OLD_FORM) == [(0,)]
    assert await execute(url, ALL) == [(25_000,)]


EVENTS_OF_1_0_0 = "SELECT * FROM medication_event ORDER BY 1, 2, 3, 4, 5, 6"


Losing = Callable[[Callable[..., Any]], Callable[..., Any]]


def and_then(statement: str) -> Losing:
    """Let a step of the migration be followed by a statement that none of it executes."""

    def followed(step: Callable[..., Any]) -> Callable[..., Any]:
        def do(connection: Connection, *arguments: object) -> object:
            done = step(connection, *arguments)
            connection.exec_driver_sql(statement)
            return done

        return do

    return followed


LOSE_ONE = "DELETE FROM event WHERE order_id = 'first' AND event_id <> ''"
NOT_THE_FIRST = "order_id <> 'first'"


@pytest.mark.fault("migration that loses an event")
@pytest.mark.parametrize("medication", ["Heparin", "Ätherisches Öl"])
@pytest.mark.parametrize(
    ("step", "losing", "said"),
    [
        (
            "_COPY",
            lambda copying: copying.replace("WHERE true", f"WHERE {NOT_THE_FIRST}"),
            "2 events that were copied are not there",
        ),
        ("_rewrite", and_then(LOSE_ONE), "of 4 events that were copied 3 are there"),
        (
            "_RENAME",
            lambda renaming: renaming.replace("{numbered}", f"{{numbered}} AND {NOT_THE_FIRST}"),
            "of 2 events with a number of 1.0.0 only 1 have today's",
        ),
        ("_rename_repeats", and_then(LOSE_ONE), "of 4 events that were copied 3 are there"),
    ],
    ids=["when it copies", "behind that", "when it numbers anew", "behind that, too"],
)
async def test_a_migration_that_loses_an_event_leaves_what_was_there(
    database: Fill,
    monkeypatch: pytest.MonkeyPatch,
    medication: str,
    step: str,
    losing: Callable[[Any], Any],
    said: str,
) -> None:
    url = await database(
        as_stored(0, row("1", medication, order_id=order, event_id=number))
        for order in ("first", "second")
        for number in ("", "2")
    )
    before = await execute(url, both(EVENTS_OF_1_0_0))
    monkeypatch.setattr(events_of_1_0_0, step, losing(getattr(events_of_1_0_0, step)))
    async with upgraded(url) as store:
        with pytest.raises(DatabaseUnavailable, match=said):
            await store.prepare()
    assert await execute(url, both(EVENTS_OF_1_0_0)) == before
    assert await execute(url, REVISION) == [("0001",)]


async def test_events_that_become_equal_across_many_patients_are_counted(
    database: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain one is, too, that is copied behind another one, whose patient becomes the same."""
    monkeypatch.setattr(events_of_1_0_0, "_EVENTS_AT_ONCE", 1)
    patients = ["2  a", "2 a", "2\u00a0a", "3"]
    url = await database(as_stored(*each) for each in enumerate(row(p, "Öl") for p in patients))
    async with upgraded(url) as store:
        assert [len(await stored(store, patient)) for patient in ("2 a", "3")] == [1, 1]


@pytest.mark.parametrize(
    ("column", "time"),
    [
        ("received_at", "in spring"),
        ("event_time", "in spring"),
        ("event_time", "now"),
        ("event_time", "2021-01-05T08:00:00.25Z"),
        ("event_time", "2021-01-05T08:00:00.250000"),
        ("event_time", "2021-01-05T08:00:00.000000+02:00"),
        ("event_time", "2021-01-05T24:00:00.000000Z"),
        ("event_time", "2021-02-30T08:00:00.000000Z"),
        ("event_time", "0000-01-05T08:00:00.000000Z"),
        ("event_time", "2021-01-0xT08:00:00.000000Z"),
        ("event_time", "+021-01-05T08:00:00.000000Z"),
    ],
)
async def test_a_time_that_1_0_0_did_not_write_is_named_by_its_column(
    tmp_path: Path, column: str, time: str
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    await execute(url, both(f"UPDATE medication_event SET {column} = '{time}'"))
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match=rf"the column {column} .* must be like 2021-01"):
            await store.prepare()
    assert await execute(url, REVISION) == [("0001",)]


async def test_an_event_that_lacks_what_1_0_0_demanded_is_told_of(tmp_path: Path) -> None:
    """As in a table that somebody has made anew, without its key."""
    url = await in_sqlite(tmp_path, many(20))
    made_anew = [
        "CREATE TABLE copied AS SELECT * FROM medication_event",
        "DROP TABLE medication_event",
        "ALTER TABLE copied RENAME TO medication_event",
        "UPDATE medication_event SET order_id = NULL",
    ]
    await execute(url, {"sqlite": made_anew})
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match=r"NOT NULL constraint failed: event\.order_id"):
            await store.prepare()
    assert await execute(url, REVISION) == [("0001",)]


def be_killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def take_in_some_and_be_killed(connection: Connection, unfinished: Path, _: Stop) -> None:
    target = replacing._driver(connection)
    # So some of the file's pages have changed by then.
    target.execute("PRAGMA cache_size = 10")
    with closing(sqlite3.connect(unfinished)) as source:
        source.backup(target, pages=20, progress=be_killed)


def be_killed_before_the_way_back(unfinished: Path, file: Path) -> None:
    if file.name.endswith(".before-2.0.0"):
        be_killed()
    put_in_place(unfinished, file)


def be_killed_behind_the_way_back(unfinished: Path, file: Path) -> None:
    put_in_place(unfinished, file)
    if file.name.endswith(".before-2.0.0"):
        be_killed()


Step = tuple[str, Callable[..., None]]
RENAMING: Step = ("migrations.events_of_1_0_0._rename_repeats", be_killed)
WHILE_THE_WAY_BACK_IS_COPIED: Step = ("replacing._driver", be_killed)
STEPS: dict[str, list[Step]] = {
    "sqlite": [
        ("copying", be_killed),
        RENAMING,
        WHILE_THE_WAY_BACK_IS_COPIED,
        ("replacing._take_in", be_killed),
    ],
    "postgresql": [("copying", be_killed), RENAMING],
}


def migrate_until(step: Step, url: str) -> None:
    """Migrate, and be killed in place of a function, or once the first events are copied."""
    where, killed = step
    terms = Terms(backed_up_before="2.0.0")

    async def migrate() -> None:
        async with EventStore.at(url, terms) as store:
            await store.prepare()

    if where == "copying":
        terms = terms._replace(progress=killed)
        asyncio.run(migrate())
    else:
        with mock.patch(f"consumer_app.storage.{where}", killed):
            asyncio.run(migrate())


@pytest.mark.fault("migration killed (-9)")
def test_a_migration_that_is_killed_anywhere_loses_nothing(database: Fill) -> None:
    url = asyncio.run(database(many(25_000)))

    def found(statements: Statements) -> list[Any]:
        return asyncio.run(execute(url, statements))

    for step in STEPS["sqlite" if url.startswith("sqlite") else "postgresql"]:
        assert run_together(migrate_until, step, url, processes=1) == [-signal.SIGKILL]
        assert found(REVISION) == [("0001",)]
        assert found(ALL) == [(25_000,)]

    environment = {"DATABASE_URL": url, "DATABASE_BACKED_UP_BEFORE": "2.0.0"}
    run_module("consumer_app", ["database", "migrate"], environment).check_returncode()

    assert found(REVISION) == [("0008",)]
    assert found(ALL) == [(25_000,)]
    assert found(IN_THE_OLD_FORM) == [(0,)]


@pytest.mark.fault("migration killed (-9) while it takes its events in")
def test_a_migration_that_is_killed_with_some_pages_overwritten_loses_nothing(
    tmp_path: Path,
) -> None:
    url = asyncio.run(in_sqlite(tmp_path, many(5_000)))
    file, journal = tmp_path / "events.db", tmp_path / "events.db-journal"
    before = asyncio.run(execute(url, both(EVENTS_OF_1_0_0)))
    pages = file.read_bytes()[4096:]
    step = ("replacing._take_in", take_in_some_and_be_killed)
    assert run_together(migrate_until, step, url, processes=1) == [-signal.SIGKILL]
    assert file.read_bytes()[4096:] != pages
    assert journal.stat().st_size > 0

    assert asyncio.run(execute(url, REVISION)) == [("0001",)]
    assert asyncio.run(execute(url, both(EVENTS_OF_1_0_0))) == before
    run_module("consumer_app", ["database", "migrate"], {"DATABASE_URL": url}).check_returncode()
    assert asyncio.run(execute(url, ALL)) == [(5_000,)]


def store_and_be_killed(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute(STORING[2])
    connection.commit()
    be_killed()


@pytest.mark.fault("consumer of 1.0.0 killed (-9) before the migration")
def test_what_is_in_the_log_alone_is_migrated_and_in_the_way_back(tmp_path: Path) -> None:
    url = asyncio.run(in_sqlite(tmp_path, many(20)))
    file, log = tmp_path / "events.db", tmp_path / "events.db-wal"
    assert run_together(store_and_be_killed, file, processes=1) == [-signal.SIGKILL]
    assert log.stat().st_size > 0

    run_module("consumer_app", ["database", "migrate"], {"DATABASE_URL": url}).check_returncode()
    assert beside(file) == [tmp_path / "events.db.before-2.0.0"]
    for each in (url, f"{url}.before-2.0.0"):
        assert asyncio.run(execute(each, ALL)) == [(21,)]


@pytest.mark.fault("migration stopped while it takes its events in")
async def test_a_migration_that_is_stopped_with_some_pages_overwritten_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await in_sqlite(tmp_path, many(5_000))
    before = await execute(url, both(EVENTS_OF_1_0_0))
    taking_in = replacing._take_in

    def take_in(connection: Connection, unfinished: Path, _: Stop) -> None:
        replacing._driver(connection).execute("PRAGMA cache_size = 10")
        stop_once_changed = stopping_once_changed(tmp_path / "events.db")
        taking_in(connection, unfinished, stop_once_changed)

    monkeypatch.setattr(replacing, "_PAGES_AT_ONCE", 20)
    monkeypatch.setattr(replacing, "_take_in", take_in)
    async with upgraded(url) as store:
        with pytest.raises(DatabaseUnavailable, match="it was stopped"):
            await store.prepare()
    assert not beside(tmp_path / "events.db")
    assert await execute(url, both(EVENTS_OF_1_0_0)) == before


def stopping_once_changed(file: Path) -> Stop:
    # To open the file and close it would let the lock go.
    unchanged = file.stat().st_mtime_ns

    def stop() -> None:
        if file.stat().st_mtime_ns != unchanged:
            raise OSError("it was stopped")

    return stop


async def test_a_stop_that_comes_with_the_last_page_comes_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    taking_in = replacing._take_in

    def take_in(connection: Connection, unfinished: Path, _: Stop) -> None:
        taking_in(connection, unfinished, lambda: pytest.fail("asked behind the last page"))

    monkeypatch.setattr(replacing, "_take_in", take_in)
    async with upgraded(url) as store:
        await store.prepare()
    assert await execute(url, ALL) == [(20,)]


@pytest.mark.fault("migration killed (-9) once its events are in")
@pytest.mark.parametrize(
    "step",
    [
        ("replacing.finish", be_killed),
        ("replacing.put_in_place", be_killed_before_the_way_back),
        ("replacing.put_in_place", be_killed_behind_the_way_back),
    ],
    ids=["before it tidies up", "before the way back has its name", "behind that"],
)
def test_a_migration_that_is_killed_at_its_very_end_is_one_that_was_not(
    tmp_path: Path, step: Step
) -> None:
    url = asyncio.run(in_sqlite(tmp_path, many(20)))
    before = asyncio.run(execute(url, both(EVENTS_OF_1_0_0)))
    (tmp_path / "events.db").chmod(0o644)
    assert run_together(migrate_until, step, url, processes=1) == [-signal.SIGKILL]
    for file in beside(tmp_path / "events.db"):
        assert mode_of(file) == 0o600

    run_module("consumer_app", ["database", "migrate"], {"DATABASE_URL": url}).check_returncode()

    way_back = tmp_path / "events.db.before-2.0.0"
    assert {*tmp_path.iterdir()} == {tmp_path / "events.db", way_back}
    assert mode_of(way_back) == 0o600
    assert asyncio.run(execute(f"{url}.before-2.0.0", both(EVENTS_OF_1_0_0))) == before
    assert asyncio.run(execute(url, REVISION)) == [("0008",)]
    assert asyncio.run(execute(url, ALL)) == [(20,)]


def move(pattern: str, source: Path, target: Path) -> None:
    for file in source.glob(pattern):
        shutil.move(file, target)


@pytest.mark.fault("migration killed (-9), and then done in another place")
@pytest.mark.parametrize(
    ("step", "left"),
    [
        (WHILE_THE_WAY_BACK_IS_COPIED, []),
        (("replacing._take_in", be_killed), ["events.db.before-2.0.0.unfinished"]),
    ],
    ids=["a half copy", "a whole copy"],
)
async def test_what_a_killed_migration_has_left_never_takes_the_place_of_the_way_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, step: Step, left: list[str]
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    before = await execute(url, both(EVENTS_OF_1_0_0))
    killed = await asyncio.to_thread(run_together, migrate_until, step, url, processes=1)
    assert killed == [-signal.SIGKILL]
    with TemporaryDirectory() as larger:
        move("events.db", tmp_path, Path(larger))
        move("events.db-*", tmp_path, Path(larger))
        async with EventStore.at(f"sqlite+aiosqlite:///{larger}/events.db") as store:
            await store.prepare()
        move("*", Path(larger), tmp_path)

    async with EventStore.at(url) as store:
        await store.prepare()

    assert await execute(f"{url}.before-2.0.0", both(EVENTS_OF_1_0_0)) == before
    names = {each.name for each in beside(tmp_path / "events.db")}
    assert names == {"events.db.before-2.0.0", *left}
    assert ("delete what is of no use any more" in caplog.text) == bool(left)


@pytest.mark.fault("migration killed (-9), and then room for no more than one")
async def test_what_a_killed_migration_has_left_is_deleted_before_the_room_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    for left in ("events.db.unfinished", "events.db.before-2.0.0.unfinished"):
        (tmp_path / left).touch()
        (tmp_path / f"{left}-journal").touch()
    found: list[list[Path]] = []

    def disk_usage(_: Path) -> SimpleNamespace:
        found.append(beside(tmp_path / "events.db"))
        return SimpleNamespace(free=10**9)

    monkeypatch.setattr("shutil.disk_usage", disk_usage)
    async with upgraded(url) as store:
        await store.prepare()
    assert found[0] == []


ANOTHER_PROGRAM = """
import sqlite3, sys

file, *statements = sys.argv[1:]
connection = sqlite3.connect(file, timeout=60, isolation_level=None)
print("open", flush=True)
sys.stdin.readline()
print("asking", flush=True)
try:
    for statement in statements:
        connection.execute(statement).fetchall()
    print("done")
except sqlite3.Error as error:
    print(error)
connection.close()
"""
# As 1.0.0 sets its connections up, and stores.
STORING = (
    "PRAGMA journal_mode = WAL",
    "BEGIN IMMEDIATE",
    "INSERT INTO medication_event VALUES ('1', 'Heparin', '2021-01-05T08:00:00.000000Z',"
    " 'start', '', '', '2026-11-24T00:00:00.000000Z') ON CONFLICT DO NOTHING",
    "COMMIT",
)


class AnotherProgram:
    """A process that has a file open, and executes statements once it is told to."""

    def __init__(self, file: Path, statements: Iterable[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ANOTHER_PROGRAM, str(file), *statements],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("open\n")

    def ask(self) -> None:
        """Tell it to begin, and return when it does."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._expect("asking\n")

    def said(self) -> str:
        """Wait for its end; return what it said."""
        with self._process:
            return self._line()

    def _expect(self, expected: str) -> None:
        assert self._line() == expected

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.mark.fault("another process waiting for the file when its migration ends")
@pytest.mark.parametrize("asks", ["meanwhile", "afterwards"])
@pytest.mark.parametrize(
    ("statements", "expected"),
    [(["SELECT count(*) FROM sqlite_master"], "done"), (STORING, "cannot modify medication_event")],
    ids=["to read", "to store as 1.0.0 does"],
)
async def test_who_opens_the_file_during_its_migration_harms_neither_it_nor_the_way_back(
    tmp_path: Path, statements: Sequence[str], expected: str, asks: str
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    before = await execute(url, both(EVENTS_OF_1_0_0))
    others: list[AnotherProgram] = []

    def open_it(*_: object) -> None:
        other = AnotherProgram(tmp_path / "events.db", statements)
        if asks == "meanwhile":
            other.ask()
        others.append(other)

    async with EventStore.at(url, Terms(progress=open_it)) as store:
        await store.add([explain_event(row("new", "Heparin"))])
        (other,) = others
        if asks == "afterwards":
            other.ask()
        assert (await asyncio.to_thread(other.said)).startswith(expected)
        await store.add([explain_event(row("new", "Insulin"))])

    for each in (url, f"{url}.before-2.0.0"):
        assert await execute(each, both("PRAGMA integrity_check")) == [("ok",)]
    assert await execute(url, ALL) == [(22,)]
    assert await execute(f"{url}.before-2.0.0", both(EVENTS_OF_1_0_0)) == before


@pytest.mark.fault("migration stopped while the new file is checked")
async def test_a_migration_that_is_stopped_while_the_new_file_is_checked_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await in_sqlite(tmp_path, many(20))
    loop, stopped = asyncio.get_running_loop(), threading.Event()

    def stop(_: Path, check: str) -> None:
        assert check == "integrity_check"
        loop.call_soon_threadsafe(preparing.cancel)
        stopped.wait(60)

    monkeypatch.setattr(replacing, "_see_that_it_is_whole", stop)
    async with asyncio.timeout(60), upgraded(url) as store:
        preparing = asyncio.create_task(store.prepare())
        with pytest.raises(asyncio.CancelledError):
            await preparing
        stopped.set()
        while (tmp_path / "events.db.unfinished").exists():  # noqa: ASYNC110 - a thread's
            await asyncio.sleep(0.01)
    assert await execute(url, REVISION) == [("0001",)]
    assert not beside(tmp_path / "events.db")


@pytest.mark.fault("migration without room for the copy that is the way back")
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
async def test_a_way_back_for_which_there_is_no_room_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def be_full(_: int) -> None:
        raise OSError(error, os.strerror(error))

    url = await in_sqlite(tmp_path, many(20))
    monkeypatch.setattr(os, "fsync", be_full)
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match="no room for them"):
            await store.prepare()

    assert not beside(tmp_path / "events.db")
    assert await execute(url, REVISION) == [("0001",)]


@pytest.mark.fault("damage to what a migration has written")
@pytest.mark.parametrize("damaged", ["events.db.unfinished", "events.db.before-2.0.0.copying"])
async def test_a_copy_that_is_damaged_on_the_disk_is_noticed_before_anything_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    sync, copy = os.fsync, tmp_path / damaged

    def damage(written: int) -> None:
        sync(written)
        if copy.exists() and os.path.samestat(os.fstat(written), copy.stat()):
            with copy.open("r+b") as file:
                file.seek(file.seek(0, os.SEEK_END) // 2)
                file.write(b"\xff" * 4096)

    url = await in_sqlite(tmp_path, many(2_000))
    monkeypatch.setattr(os, "fsync", damage)
    async with upgraded(url) as store:
        with pytest.raises(DatabaseUnavailable, match=f"{damaged} is damaged"):
            await store.prepare()
    monkeypatch.undo()

    assert not beside(tmp_path / "events.db")
    assert await execute(url, REVISION) == [("0001",)]


@pytest.mark.parametrize("owner", ["who migrates", "another one"])
async def test_who_may_give_no_file_away_migrates_and_keeps_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    keep = replacing._keep

    def keep_of(connection: Connection, file: Path, former: os.stat_result, *rest: Stop) -> None:
        uid = former.st_uid + (owner == "another one")
        keep(connection, file, os.stat_result([*former[:4], uid, *former[5:10]]), *rest)

    url = await in_sqlite(tmp_path, many(20))
    monkeypatch.setattr(replacing, "_keep", keep_of)
    monkeypatch.setattr(os, "chown", refuse)
    async with upgraded(url) as store:
        await store.prepare()
    assert mode_of(tmp_path / "events.db.before-2.0.0") == 0o600


@pytest.mark.fault("disk full when a migration takes its events in")
async def test_a_disk_that_is_full_at_the_end_of_a_migration_is_said_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await in_sqlite(tmp_path, many(5_000))
    before = await execute(url, both(EVENTS_OF_1_0_0))
    file, changes = tmp_path / "events.db", set[int]()

    def take_in(connection: Connection, unfinished: Path, _: Stop) -> None:
        target = replacing._driver(connection)
        # So some of the file's pages have changed by then.
        target.execute("PRAGMA cache_size = 10")
        pages = target.execute("PRAGMA page_count").fetchone()[0]
        target.execute(f"PRAGMA max_page_count = {pages}")
        with closing(sqlite3.connect(unfinished)) as source:
            source.execute("CREATE TABLE more AS SELECT zeroblob(10000000)")
            source.commit()
            monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
            source.backup(
                target, pages=20, progress=lambda *_: changes.add(file.stat().st_mtime_ns)
            )

    monkeypatch.setattr(replacing, "_take_in", take_in)
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase, match="no room for them"):
            await store.prepare()

    assert len(changes) > 1
    assert not beside(file)
    assert await execute(url, REVISION) == [("0001",)]
    assert await execute(url, both(EVENTS_OF_1_0_0)) == before


@pytest.mark.parametrize(
    ("code", "free", "expected"),
    [
        (sqlite3.SQLITE_FULL, 4096, "no room for them: "),
        (sqlite3.SQLITE_FULL, 10**9, "no room for SQLite's temporary files: .* SQLITE_TMPDIR"),
        (sqlite3.SQLITE_IOERR_WRITE, 4096, "no room for them: "),
        (sqlite3.SQLITE_IOERR_WRITE, 10**9, "can't be written: disk I/O error"),
    ],
)
async def test_only_a_disk_that_is_full_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, free: int, expected: str
) -> None:
    def fail(*_: object) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        raise error

    url = await in_sqlite(tmp_path, many(20))
    monkeypatch.setattr(replacing, "_take_in", fail)
    async with upgraded(url) as store:
        with pytest.raises(DatabaseUnavailable, match=expected):
            await store.prepare()


async def test_the_new_file_takes_no_more_room_than_was_said(tmp_path: Path) -> None:
    """Where patients have long names and one event each, the new one has them twice."""
    rows = (as_stored(0, row(f"{uuid.UUID(int=n)}", "Heparin")) for n in range(20_000))
    url = await in_sqlite(tmp_path, rows)
    async with upgraded(url) as store:
        await store.prepare()
    old, new = (tmp_path / each for each in ("events.db.before-2.0.0", "events.db"))
    assert new.stat().st_size <= replacing._NEW_SHARE * old.stat().st_size


@pytest.mark.fault("migration whose new file is larger than was thought")
async def test_a_migration_whose_new_file_is_larger_than_was_thought_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (f"{n:05}{'x' * 200}" for n in range(10_000))
    url = await in_sqlite(tmp_path, (as_stored(0, row(name, "Heparin")) for name in names))
    old = (tmp_path / "events.db").stat().st_size
    free = iter([replacing._MEANWHILE * old, 1.5 * old])
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=next(free)))
    async with upgraded(url) as store:
        with pytest.raises(UnusableDatabase) as refused:
            await store.prepare()

    said = re.search(r"needs about ([0-9]+) MB free", str(refused.value))
    assert said is not None
    assert float(said[1]) > replacing._MEANWHILE * old / 1e6
    assert not beside(tmp_path / "events.db")
    assert await execute(url, REVISION) == [("0001",)]


async def test_a_statement_of_a_migration_may_last_longer_than_any_other(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the counting of a large table does."""
    url = await in_postgresql(postgres_url, many(20), partitions=0)
    # Long enough for what is asked before, on a machine that is busy.
    monkeypatch.setitem(_POSTGRES_LIMITS, "command_timeout", 2)
    monkeypatch.setitem(_POSTGRES_SETTINGS, "lock_timeout", "60000")
    # Within a transaction PostgreSQL tells who was connected when it was asked first.
    other, looking = await connect(url), await connect(url)
    await other.execute("BEGIN; LOCK TABLE medication_event")
    async with asyncio.timeout(60), upgraded(url) as store:
        preparing = asyncio.create_task(store.prepare())
        while not await looking.fetchval(WAITS_LONG):  # noqa: ASYNC110 - of another program
            await asyncio.sleep(0.05)
        await other.execute("ROLLBACK")
        await preparing
    await other.close()
    await looking.close()


WAITS_LONG = """
    SELECT true FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event_type = 'Lock' AND clock_timestamp() > query_start + interval '2.5 s'
"""


async def test_a_file_that_another_program_has_open_is_not_migrated(tmp_path: Path) -> None:
    url = await in_sqlite(tmp_path, many(20))
    with closing(sqlite3.connect(tmp_path / "events.db")) as older:
        older.execute("PRAGMA journal_mode = WAL")
        older.execute("SELECT count(*) FROM medication_event").fetchone()
        async with upgraded(url) as store:
            assert "locked" in (await store.problem() or "")
    async with upgraded(url) as store:
        assert await store.problem() is None


@pytest.mark.fault("migration without room for the new file")
async def test_a_migration_for_which_there_is_no_room_says_so_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await in_sqlite(tmp_path, many(20_000))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000))
    async with upgraded(url) as store:
        with pytest.raises(
            UnusableDatabase, match=r"there is no room for them: \S+ needs about [0-9]+ MB"
        ):
            await store.prepare()
    assert await execute(url, REVISION) == [("0001",)]


@pytest.mark.fault("equal rows as 1.0.0 numbered them")
async def test_the_numbers_of_equal_rows_become_those_of_today_and_others_stay(
    database: Fill,
) -> None:
    numbers = ["", "2", "3", "5", "4711", "repeat-3", "1", "02", "2a"]
    rows = [row("1", "Heparin", event_id=number) for number in numbers]
    rows += [row("1", "Heparin", "stop", event_id="2"), row("1", "Insulin", event_id="2")]
    url = await database(as_stored(*each) for each in enumerate(rows))
    async with upgraded(url) as store:
        found = await stored(store, "1")
        await store.add([of(each) for each in found])
        assert await stored(store, "1") == found

    numbered = {(each.medication_name, each.action.value, each.event_id) for each in found}
    kept = {None, "repeat-2", "repeat-3", "5", "4711", "1", "02", "2a"}
    assert numbered == {("Heparin", "start", number) for number in kept} | {
        # Of these no event without a number is there.
        ("Heparin", "stop", "2"),
        ("Insulin", "start", "2"),
    }


def serve(url: str) -> None:
    """Store an event, as a consumer that has just started does."""

    async def store_one() -> None:
        async with upgraded(url) as store:
            await store.add([explain_event(row("new", "Heparin"))])
            assert await store.problem() is None

    asyncio.run(store_one())


async def test_of_two_that_start_together_both_serve_once_all_is_rewritten(
    database: Fill,
) -> None:
    url = await database(many(25_000))
    assert run_together(serve, url, processes=2) == [0, 0]

    assert await execute(url, IN_THE_OLD_FORM) == [(0,)]
    assert await execute(url, ALL) == [(25_001,)]


@pytest.fixture
def postgres_url(postgres: PrivatePostgres) -> str:
    return PostgresDatabase(postgres).url


@pytest.mark.parametrize("partitions", [0, 4])
@pytest.mark.fault("consumer of 1.0.0 left running at the migration")
async def test_a_consumer_of_1_0_0_can_store_nothing_behind_the_migration(
    partitions: int, postgres_url: str
) -> None:
    url = await in_postgresql(postgres_url, many(20), partitions)
    older = await connect(url)
    insert = (
        "INSERT INTO medication_event (patient_id, medication_name, event_time, action, order_id,"
        " event_id, received_at) VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING"
    )
    # As in a consumer that was there before, the statement is prepared and has been used.
    statement = await older.prepare(insert)
    await statement.executemany([as_stored(0, row("1", "Heparin"))])
    async with upgraded(url) as store:
        assert await store.problem() is None
        with pytest.raises(asyncpg.PostgresError):
            await statement.executemany([as_stored(0, row("1", "Insulin  aspart"))])
        assert [event.medication_name for event in await stored(store, "1")] == ["Heparin"]
    await older.close()


QUERIES = dict(
    re.findall(r"```sql (\w+)\n(.*?);\n```", Path("docs/operations.md").read_text(), re.DOTALL)
)


@cache
def refused_in_identifiers() -> Sequence[str]:
    return [*_refused_in_identifiers()]


def _refused_in_identifiers() -> Iterable[str]:
    for number in range(0xA0, sys.maxunicode + 1):
        if not 0xD800 <= number < 0xE000:
            try:
                read_identifier(f"A{chr(number)}7")
            except PydanticCustomError:
                yield chr(number)


async def test_the_documented_query_finds_the_identifiers_with_invisible_characters(
    database: Fill,
) -> None:
    invisible = {f"A{each}7" for each in refused_in_identifiers()}
    assert {"A\u200b7", "A\ufeff7", "A\u00ad7"} < invisible
    visible = ["A7", "A-7", "Ä7", "A\u00a07", "患者7", "A\U0001f48a7"]
    url = await database(
        as_stored(0, row("1", "Heparin", order_id=order)) for order in [*invisible, *visible]
    )
    found = await execute(url, {kind: [query] for kind, query in QUERIES.items()})
    assert {order for _, order, _, _ in found} == invisible
