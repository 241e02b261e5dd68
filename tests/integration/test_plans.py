"""How PostgreSQL carries out what it is asked, while its tables grow."""

import asyncio

import pytest
from msgspec.structs import replace

from consumer_app.storage.store import EventStore
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, connect
from tests.runs import event
from tests.services import PATIENCE_SECONDS

# PostgreSQL makes a plan for the values of a statement five times, and may then keep one for all.
UNTIL_A_PLAN_IS_KEPT = 10
EVENT = event("p", 0)
PATIENTS = [f"patient {number}" for number in range(200)]


@pytest.fixture
def url(postgres: PrivatePostgres) -> str:
    return PostgresDatabase(postgres).url


async def test_no_plan_is_kept_from_when_the_database_was_empty(url: str) -> None:
    async with EventStore.at(url) as store:
        await store.prepare()
        # Else it analyzes what comes in, at some time, and plans anew.
        watching = await connect(url)
        await watching.execute("ALTER TABLE event SET (autovacuum_enabled = off)")
        await watching.execute("ALTER TABLE patient SET (autovacuum_enabled = off)")
        for _ in range(UNTIL_A_PLAN_IS_KEPT):
            await store.read("nobody")

        for number in range(100):
            more = [replace(EVENT, patient_id=each, event_id=str(number)) for each in PATIENTS]
            await store.add(more)
        events, _ = await store.read(PATIENTS[0])
        assert len(events) == 100

    # A session tells what it has done at its end.
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await watching.fetchval(others) > 1:
            pass
    read_in_full = "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = 'event'"
    assert await watching.fetchval(read_in_full) == 0
    await watching.close()
