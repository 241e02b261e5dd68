"""How the databases carry out what they are asked, while their tables grow."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from consumer_app.storage import sqlite
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent, RecordVersion
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, SqliteFile, connect
from tests.runs import event
from tests.services import PATIENCE_SECONDS

# PostgreSQL makes a plan for the values of a statement five times, and may then keep one for all.
UNTIL_A_PLAN_IS_KEPT = 10
EVENT = event("p", 0)
TABLES = ("event", "record_event", "record_version")
PATIENTS = [f"patient {number}" for number in range(200)]


@pytest.fixture
def url(postgres: PrivatePostgres) -> str:
    return PostgresDatabase(postgres).url


async def read(store: EventStore, patient: str) -> list[MedicationEvent]:
    return (await store.read(patient)).events


async def read_arrived(store: EventStore, patient: str) -> list[MedicationEvent]:
    reports, _ = await store.read_arrived(patient)
    return reports.events


@pytest.mark.parametrize("read", [read, read_arrived])
async def test_no_plan_is_kept_from_when_the_database_was_empty(
    url: str, read: Callable[[EventStore, str], Awaitable[list[MedicationEvent]]]
) -> None:
    async with EventStore.at(url) as store:
        await store.prepare()
        # Else it analyzes what comes in, at some time, and plans anew.
        watching = await connect(url)
        for table in ("patient", *TABLES):
            await watching.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        for _ in range(UNTIL_A_PLAN_IS_KEPT):
            await read(store, "nobody")

        for number in range(100):
            more = [replace(EVENT, patient_id=each, event_id=str(number)) for each in PATIENTS]
            await store.add(more)
        of_records = [
            RecordVersion(each, "1", [replace(EVENT, patient_id=each)]) for each in PATIENTS
        ]
        await store.add(of_records)
        assert len(await read(store, PATIENTS[0])) == 101

    # A session tells what it has done at its end.
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await watching.fetchval(others) > 1:
            pass
    read_in_full = "SELECT relname, seq_tup_read FROM pg_stat_user_tables"
    found = dict(await watching.fetch(read_in_full))
    assert {table: found[table] for table in TABLES} == dict.fromkeys(TABLES, 0)
    await watching.close()


async def test_sqlite_finds_a_patient_s_events_with_their_arrival_by_the_key(
    tmp_path: Path,
) -> None:
    async with EventStore.at(SqliteFile(tmp_path).url) as store:
        await store.prepare()
        async with store._engine.connect() as connection:
            explaining = f"EXPLAIN QUERY PLAN {sqlite._READ_ARRIVED}"
            found = await connection.exec_driver_sql(explaining, {"patient": "p", "arrived": True})
            steps = [row.detail for row in found]
    for table in ("event", "record_event"):
        assert f"SEARCH {table} USING PRIMARY KEY (patient=?)" in steps
    scanned = {step for step in steps if step.startswith("SCAN")}
    assert not {step for step in scanned if not step.startswith("SCAN (subquery")}
