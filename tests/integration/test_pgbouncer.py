"""Through PgBouncer, which gives each transaction another session of the server."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import event as engine_event

from consumer_app.storage.backend import EVENTS_A_PART, MOST_EVENTS
from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
from contracts import MedicationEvent, explain_event
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, connect
from tests.integration.test_upgrade import in_postgresql, many
from tests.pgbouncer import PgBouncer, private_pgbouncer
from tests.runs import event

EVENT = event("p", 0)
ADVISORY_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND datname = current_database()
"""


@pytest.fixture(scope="module")
def bouncer(postgres: PrivatePostgres) -> Iterator[PgBouncer]:
    with private_pgbouncer(postgres) as running:
        yield running


@pytest.fixture
def database(postgres: PrivatePostgres) -> PostgresDatabase:
    return PostgresDatabase(postgres)


@pytest.fixture
def url(bouncer: PgBouncer, database: PostgresDatabase) -> str:
    return f"{bouncer.url_of(database.url)}?pgbouncer=true"


async def test_two_stores_that_start_at_once_migrate_in_turn_and_compete(url: str) -> None:
    async with EventStore.at(url) as one, EventStore.at(url) as other:
        await asyncio.gather(one.prepare(), other.prepare())
        async with asyncio.TaskGroup() as tasks:
            for number in range(8):
                for store in (one, other):
                    tasks.create_task(stored_and_read(store, f"p{number}-", f"run {number}"))
        assert [await store.write_problem() for store in (one, other)] == [None, None]
        assert {run.name for run in await one.runs()} == {f"run {number}" for number in range(8)}


async def stored_and_read(store: EventStore, prefix: str, run: str) -> None:
    for number in range(0, 10, 2):
        each = event(prefix, number)
        await store.add([each], run)
        assert await store.events_of(each.patient_id) == [each]
        page = await store.read_page(each.patient_id, 10)
        assert [found.event_time for found in page.events] == [each.event_time]


async def test_no_turn_is_kept_behind_a_migration(url: str, database: PostgresDatabase) -> None:
    async with EventStore.at(url) as store:
        await store.prepare()
    connection = await connect(database.url)
    assert await connection.fetchval(ADVISORY_LOCKS) == 0
    await connection.close()


@pytest.mark.parametrize("partitions", [0, 4])
async def test_what_1_0_0_has_stored_is_migrated(
    url: str, database: PostgresDatabase, partitions: int
) -> None:
    await in_postgresql(database.url, many(40), partitions)
    terms = Terms(backed_up_before="2.0.0")
    async with EventStore.at(url, terms) as one, EventStore.at(url, terms) as other:
        await asyncio.gather(one.prepare(), other.prepare())
        assert len(await one.events_of("00000")) == len(await other.events_of("00001")) == 20


async def test_many_events_of_a_patient_are_walked_through_by_several_at_once(url: str) -> None:
    events = [minute(number) for number in range(MOST_EVENTS + 10)]
    async with EventStore.at(url) as one, EventStore.at(url) as other:
        await one.add(events)
        walks = (walked(store) for store in (one, other) for _ in range(4))
        assert await asyncio.gather(*walks) == [events] * 8


async def test_all_patients_are_walked_through_by_several_at_once(url: str) -> None:
    events = [minute(number) for number in range(EVENTS_A_PART + 10)]
    async with EventStore.at(url) as one, EventStore.at(url) as other:
        await one.add(events)
        walks = (all_walked(store) for store in (one, other) for _ in range(4))
        assert await asyncio.gather(*walks) == [events] * 8


async def all_walked(store: EventStore) -> Sequence[MedicationEvent]:
    return [each async for events in store.all_medications() for each in events]


def minute(number: int) -> MedicationEvent:
    at = datetime.fromtimestamp(1_600_000_000 + 60 * number, UTC)
    return explain_event(
        {
            "patient_id": "p",
            "medication_name": "Heparin",
            "action": "start",
            "event_time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        }
    )


async def walked(store: EventStore) -> Sequence[MedicationEvent]:
    return [each async for part in store._backend.walk("p", []) for each in part.events]


async def test_an_operator_takes_out_what_a_run_and_a_history_hold(url: str) -> None:
    async with EventStore.at(url) as store:
        await store.add([EVENT], "monday")
        (run,) = await store.runs()
        await store.retract(run)
        async for span in store.spans():
            await store.delete_run(run, span)
        assert await store.events_of(EVENT.patient_id) == []
        await store.add([EVENT])
        await store.delete(
            {HistoryKey(EVENT.patient_id, EVENT.medication_name, None): HistorySize(1)}
        )
        assert await store.forget_names() == 1


async def test_who_only_answers_can_not_write(url: str) -> None:
    async with EventStore.at(url) as store:
        await store.add([EVENT])
    async with EventStore.at(url, read_only=True) as store:
        assert await store.events_of(EVENT.patient_id) == [EVENT]
        with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
            await store.delete(
                {HistoryKey(EVENT.patient_id, EVENT.medication_name, None): HistorySize(1)}
            )


@pytest.mark.fault("PgBouncer killed and started again")
async def test_what_is_to_be_stored_while_it_is_away_is_stored_once_it_is_back(
    postgres: PrivatePostgres, database: PostgresDatabase
) -> None:
    with private_pgbouncer(postgres) as bouncer:
        url = f"{bouncer.url_of(database.url)}?pgbouncer=true"
        async with EventStore.at(url) as store:
            await store.add([EVENT])
            await asyncio.to_thread(bouncer.kill)
            assert await store.problem() is not None
            adding = asyncio.create_task(store.add([event("later", 0)]))
            while await store.write_problem() is None:  # noqa: ASYNC110 - of another program
                await asyncio.sleep(0.05)
            await asyncio.to_thread(bouncer.start)
            async with asyncio.timeout(60):
                await adding
            assert await store.events_of("later0") == [event("later", 0)]


@pytest.mark.fault("PostgreSQL's tables locked, behind PgBouncer")
async def test_who_changes_tables_waits_for_no_lock_longer_than_without_it(
    url: str, database: PostgresDatabase
) -> None:
    other = await connect(database.url)
    async with EventStore.at(url) as store:
        await store.add([EVENT])
        await other.execute("BEGIN; LOCK TABLE event IN EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            await store.delete(
                {HistoryKey(EVENT.patient_id, EVENT.medication_name, None): HistorySize(1)}
            )
        await other.close()


async def test_no_trip_is_made_for_the_locks_of_who_only_reads(url: str) -> None:
    async with EventStore.at(url) as store:
        await store.add([EVENT])
        said: list[str] = []
        engine_event.listen(
            store._engine.sync_engine,
            "before_cursor_execute",
            lambda *told: said.append(told[2]),
        )
        assert (await store.read_page(EVENT.patient_id, 10)).events
        assert len(said) == 1


async def test_it_is_told_of_where_the_address_does_not_say_so(
    bouncer: PgBouncer, database: PostgresDatabase
) -> None:
    async with EventStore.at(bouncer.url_of(database.url)) as store:
        with pytest.raises(UnusableDatabase) as refused:
            await store.prepare()
    assert str(refused.value) == (
        "unsupported startup parameter: lock_timeout: "
        "where PgBouncer is between, add pgbouncer=true to DATABASE_URL"
    )


async def test_it_is_told_of_where_it_ignores_what_is_asked_of_a_session(
    postgres: PrivatePostgres, database: PostgresDatabase
) -> None:
    ignored = "lock_timeout,plan_cache_mode,jit,default_transaction_read_only"
    with private_pgbouncer(postgres, ignore_startup_parameters=ignored) as bouncer:
        url = bouncer.url_of(database.url)
        async with EventStore.at(f"{url}?pgbouncer=true") as store:
            await store.add([EVENT])
        async with EventStore.at(url) as store, EventStore.at(url, read_only=True) as reader:
            for refuses in (store.prepare, store.look, reader.look):
                with pytest.raises(UnusableDatabase) as refused:
                    await refuses()
                assert str(refused.value) == (
                    "PostgreSQL's session is not as it was asked for: "
                    "where PgBouncer is between, add pgbouncer=true to DATABASE_URL"
                )
            assert "add pgbouncer=true" in (await store.problem() or "")
