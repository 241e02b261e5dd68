"""A database from before records is migrated: what it holds stays, and records are stored."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from alembic import command
from msgspec import UNSET
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from consumer_app.storage import schema
from consumer_app.storage.database import open_database
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore
from consumer_app.upkeep.retraction import Retracted, find_run, retract_run
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, SqliteFile, connect
from tests.integration.test_released_databases import (
    OF_THE_FIRST,
    OF_THE_SECOND,
    events_of,
    in_postgresql,
    in_sqlite,
)
from tests.records import BEGIN, event, version
from tests.schemas import differences

ARRIVED = datetime(2026, 1, 1, tzinfo=UTC)
# Of the run: two of patient 1, of whom one is another's too, by its sign; and one of no run.
ROWS = [
    ("1", "X", BEGIN, 0, "", "", 1),
    ("1", "X", BEGIN + timedelta(hours=2), 1, "A", "e", -1),
    ("2", "Y", BEGIN + timedelta(microseconds=1), 0, "", "", 0),
]
IN_WORDS = [
    ("1", "X", "start", "2021-01-01T00:00:00.000000Z", "", ""),
    ("1", "X", "stop", "2021-01-01T02:00:00.000000Z", "A", "e"),
    ("2", "Y", "start", "2021-01-01T00:00:00.000001Z", "", ""),
]


class Before(NamedTuple):
    """A database of the schema before records."""

    url: str
    partitions: int


@pytest.fixture(params=["sqlite", "postgresql", "postgresql in partitions"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Before:
    partitions = 4 if "partitions" in request.param else 0
    if request.param == "sqlite":
        url = SqliteFile(tmp_path).url
    else:
        server: PrivatePostgres = request.getfixturevalue("postgres")
        url = PostgresDatabase(server).url
    asyncio.run(make(url, partitions))
    return Before(url, partitions)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = open_database(url)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def make(url: str, partitions: int) -> None:
    """Make a database of revision 0007 that holds three events, of a run and of none."""
    async with connected(url) as connection:
        await connection.run_sync(upgrade_to, "0007", partitions)
        on_sqlite = connection.dialect.name == "sqlite"

        def time(moment: datetime) -> object:
            since_1970 = moment - datetime(1970, 1, 1, tzinfo=UTC)
            return since_1970 // timedelta(microseconds=1) if on_sqlite else moment

        for statement in (
            "INSERT INTO patient (number, patient_id) VALUES (1, '1'), (2, '2')",
            "INSERT INTO medication (number, medication_name) VALUES (1, 'X'), (2, 'Y')",
            "INSERT INTO schema_requirement VALUES ('2.0.0')",
        ):
            await connection.execute(text(statement))
        await connection.execute(
            text("INSERT INTO publisher_run (name, first_received_at) VALUES ('monday', :at)"),
            {"at": time(ARRIVED)},
        )
        for patient, medication, at, *rest in ROWS:
            names = ("patient", "medication", "at", "action", "order", "id", "run", "arrived")
            number = "XY".index(medication) + 1
            values = (int(patient), number, time(at), *rest, time(ARRIVED))
            await connection.execute(
                text(
                    "INSERT INTO event (patient, medication, event_time, action, order_id,"
                    " event_id, run, received_at)"
                    f" VALUES ({', '.join(f':{name}' for name in names)})"
                ),
                dict(zip(names, values, strict=True)),
            )
        if not on_sqlite:
            for table in ("patient", "medication"):
                await connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{table}', 'number'), 2)")
                )


def upgrade_to(connection: Connection, revision: str, partitions: int) -> None:
    configuration = schema._configuration()
    configuration.attributes.update(connection=connection, partitions=partitions, progress=None)
    command.upgrade(configuration, revision)


async def in_words(url: str, *more: str, order: str = "1, 4, 3") -> list[tuple[Any, ...]]:
    """Read the view of the events as an operator does, times as SQLite writes them."""
    columns = ("patient_id", "medication_name", "action", "event_time", "order_id", "event_id")
    async with connected(url) as connection:
        time = "event_time"
        if connection.dialect.name == "postgresql":
            time = "to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        chosen = ", ".join([*(time if name == "event_time" else name for name in columns), *more])
        # A colon in a text would be a parameter.
        statement = f"SELECT {chosen} FROM medication_event ORDER BY {order}".replace(":", "\\:")
        return [tuple(row) for row in await connection.execute(text(statement))]


async def migrate(url: str) -> None:
    async with EventStore.at(url) as store:
        await store.prepare()


async def test_what_was_there_is_as_it_was_and_has_no_record(before: Before) -> None:
    assert await in_words(before.url) == IN_WORDS
    await migrate(before.url)

    nothing = (None, None, None)
    of_records = ("record_id", "record_version", "superseded_by")
    assert await in_words(before.url, *of_records) == [(*each, *nothing) for each in IN_WORDS]
    async with EventStore.at(before.url) as store:
        (first, second) = (await store.read_page("1", 10)).events
        assert (first.event_time, first.received_at) == (BEGIN, ARRIVED)
        assert (second.order_id, second.event_id) == ("A", "e")
        assert second.record_id is UNSET
        # What the run alone has brought is known, too.
        await retract_run(store, await find_run(store, "monday"), done := Retracted(), dry_run=True)
        assert (done.events, done.shared) == (1, 1)


async def test_the_migrated_schema_is_that_of_the_tables(before: Before) -> None:
    await migrate(before.url)
    engine = open_database(before.url)
    try:
        # A partition is a table, too, that no other is written for.
        parts = {f"{table}_{n}" for table in ("event", "record_event") for n in range(4)}
        assert [
            each
            for each in await differences(engine)
            if not (each[0] == "remove_table" and each[1].name in parts)
        ] == []
    finally:
        await engine.dispose()


async def test_the_view_shows_versions_with_what_supersedes_them(before: Before) -> None:
    await migrate(before.url)
    async with EventStore.at(before.url) as store:
        await store.add(
            [
                version("r", "1", event("start", 3, patient="3")),
                version("r", "2", event("start", 4, patient="3"), event("stop", 5, patient="3")),
                version("s", "1", event("start", 6, patient="3")),
            ],
            "tuesday",
        )
        # Another run, which takes the second record back.
        await store.add([version("s", "2")], "wednesday")

        of_records = ("record_id", "record_version", "superseded_by")
        of_3 = [row[2:4] + row[6:] for row in (await in_words(before.url, *of_records))[3:]]
        assert of_3 == [
            ("start", "2021-01-01T03:00:00.000000Z", "r", "1", "2"),
            ("start", "2021-01-01T04:00:00.000000Z", "r", "2", None),
            ("stop", "2021-01-01T05:00:00.000000Z", "r", "2", None),
            ("start", "2021-01-01T06:00:00.000000Z", "s", "1", "2"),
        ]

        run = await find_run(store, "wednesday")
        await retract_run(store, run, Retracted(), dry_run=False)
        assert [row[6:] for row in (await in_words(before.url, *of_records))[6:]] == [
            ("s", "1", None)
        ]


async def test_events_of_records_are_parted_as_those_that_were_there(before: Before) -> None:
    if before.url.startswith("sqlite"):
        pytest.skip("SQLite has no partitions")
    await migrate(before.url)
    connection = await connect(before.url)
    found = {
        row["parent"]: row["parts"]
        for row in await connection.fetch(
            "SELECT inhparent::regclass::text AS parent, count(*) AS parts FROM pg_inherits"
            " WHERE inhparent IN ('event'::regclass, 'record_event'::regclass) GROUP BY 1"
        )
    }
    await connection.close()
    parted = {"event": before.partitions, "record_event": before.partitions}
    assert found == (parted if before.partitions else {})


async def test_views_of_the_view_and_the_rights_on_it_stay(before: Before) -> None:
    if before.url.startswith("sqlite"):
        pytest.skip("SQLite has no rights")
    role = before.url.rpartition("/")[2] + "_reader"
    connection = await connect(before.url)
    await connection.execute(f"CREATE ROLE {role}")
    try:
        await connection.execute(f"GRANT SELECT ON medication_event TO {role}")
        await connection.execute(
            "CREATE VIEW ward AS SELECT patient_id, count(*) FROM medication_event GROUP BY 1"
        )
        await migrate(before.url)
        async with EventStore.at(before.url) as store:
            await store.add([version("r", "1", event(patient="3"))])

        assert [tuple(row) for row in await connection.fetch("SELECT * FROM ward ORDER BY 1")] == [
            ("1", 2),
            ("2", 1),
            ("3", 1),
        ]
        await connection.execute(f"SET ROLE {role}")
        assert await connection.fetchval("SELECT count(*) FROM medication_event") == 4
        await connection.execute("RESET ROLE")
    finally:
        await connection.execute(f"DROP OWNED BY {role}")
        await connection.execute(f"DROP ROLE {role}")
        await connection.close()


def test_a_sqlite_file_is_whole_after_the_migration(tmp_path: Path) -> None:
    database = SqliteFile(tmp_path)
    asyncio.run(make(database.url, 0))
    asyncio.run(migrate(database.url))
    with closing(sqlite3.connect(database.file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("make", [in_sqlite, in_postgresql], ids=["sqlite", "postgresql"])
def test_a_database_of_1_0_0_takes_records_beside_what_it_has_stored(
    make: Any,  # noqa: ANN401 - one of two functions
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    url = make(request, tmp_path)
    released = OF_THE_FIRST | OF_THE_SECOND

    async def store_records() -> None:
        async with EventStore.at(url, Terms(backed_up_before="2.0.0")) as store:
            of_records = [
                version("r", "1", event("start", 0, patient="A7", medication="Heparin")),
                version("r", "2", event("start", 1, patient="A7", medication="Heparin")),
            ]
            await store.add(of_records)
            events = (await store.read_page("A7", 10)).events
            counting = [each.event_time for each in events if not each.superseded_by]
            assert len(events) == 4
            assert counting == [
                BEGIN + timedelta(hours=1),
                datetime(2021, 1, 5, 8, tzinfo=UTC),
                datetime(2021, 1, 5, 9, tzinfo=UTC),
            ]
            assert await store.erase("A7") == 4

    found = asyncio.run(events_of(url, {each[0] for each in released}))
    assert {event for event, _ in found} == released
    asyncio.run(store_records())
    left = asyncio.run(events_of(url, {each[0] for each in released}))
    assert {event for event, _ in left} == {each for each in released if each[0] != "A7"}
