"""PostgreSQL with a standby, which must have what is stored, or takes the primary's place."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from consumer_app.storage.errors import UnusableDatabase
from consumer_app.storage.store import EventStore
from local.postgres import PrivatePostgres, private_postgres
from tests.databases import connect
from tests.faults.proxy import Proxy
from tests.processes import run_module
from tests.runs import event
from tests.standby import Standby

EVENT = event("p", 0)
LATER = replace(EVENT, patient_id="later")
PATIENCE_SECONDS = 60


class Pair(NamedTuple):
    primary: PrivatePostgres
    standby: Standby


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with private_postgres() as primary:
        standby = Standby(primary.folder / "standby", primary)
        standby.start()
        yield Pair(primary, standby)
        standby.stop()


async def ask(server: PrivatePostgres, statement: str, *values: object) -> object:
    connection = await connect(server.url)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def eventually(condition: Callable[[], Awaitable[object]]) -> object:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await condition()):  # noqa: ASYNC110 - of another program
            await asyncio.sleep(0.05)
    return found


_WRITES_ITS_LOG = "SELECT pg_logical_emit_message(true, 'test', '')"


async def _a_commit_waits(server: PrivatePostgres) -> bool:
    connection = await connect(server.url)
    try:
        await connection.execute(_WRITES_ITS_LOG, timeout=1)
    except TimeoutError:
        return True
    finally:
        await connection.close()
    return False


@asynccontextmanager
async def commits_wait_for_the_standby_of(primary: PrivatePostgres) -> AsyncIterator[None]:
    await ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await ask(primary, "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await ask(primary, "ALTER SYSTEM RESET synchronous_standby_names")
        await ask(primary, "SELECT pg_reload_conf()")


@asynccontextmanager
async def stopped(standby: Standby) -> AsyncIterator[None]:
    await asyncio.to_thread(standby.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(standby.start)


@pytest.mark.fault("PostgreSQL's synchronous standby away, the wait for it cancelled")
async def test_what_no_standby_has_is_not_stored_whatever_ends_the_wait_for_it(
    pair: Pair,
) -> None:
    async def waits() -> object:
        return await ask(
            pair.primary,
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> ALL($1)",
            cancelled,
        )

    cancelled: list[object] = []
    async with EventStore.at(pair.primary.url) as store, EventStore.at(pair.primary.url) as other:
        await store.prepare()
        await other.prepare()
        async with commits_wait_for_the_standby_of(pair.primary):
            async with stopped(pair.standby):
                await eventually(partial(_a_commit_waits, pair.primary))
                adding = [asyncio.create_task(each.add([EVENT])) for each in (store, other)]
                # Later tries meet the rows of the first.
                for _ in range(4):
                    cancelled.append(await eventually(waits))
                    await ask(pair.primary, "SELECT pg_cancel_backend($1)", cancelled[-1])
                await eventually(waits)
                assert not any(each.done() for each in adding)

            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*adding)
            assert await ask(pair.standby, "SELECT true FROM medication_event")


@pytest.mark.fault("PostgreSQL's standby named for the primary")
async def test_a_standby_is_read_and_refused_by_who_stores(pair: Pair) -> None:
    async with EventStore.at(pair.primary.url) as store:
        await store.add([EVENT])
    await eventually(lambda: ask(pair.standby, "SELECT true FROM medication_event"))

    async with EventStore.at(pair.standby.url) as store:
        assert await store.events_of(EVENT.patient_id) == [EVENT]
        with pytest.raises(UnusableDatabase, match="the database is a standby"):
            await store.prepare()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["runs"], "\t1\t0\t0\t-\tmonday\n"),
        (["retract", "monday"], "1 event of 1 patient would be taken out"),
    ],
    ids=["runs", "retract"],
)
async def test_a_command_that_only_reads_does_so_on_a_standby(
    pair: Pair, command: list[str], said: str
) -> None:
    await follow(pair)
    done = await on_the_standby(pair, *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout


@pytest.mark.fault("PostgreSQL's standby named for the primary")
async def test_a_command_that_writes_is_told_of_a_standby(pair: Pair) -> None:
    await follow(pair)
    done = await on_the_standby(pair, "retract", "monday", "--yes")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("the database is a standby, or can only be read: name the primary")


async def test_a_standby_without_our_tables_is_named_as_what_it_is(pair: Pair) -> None:
    await ask(pair.primary, "CREATE DATABASE empty")
    url = pair.standby.url.removesuffix("postgres") + "empty"
    is_there = "SELECT true FROM pg_database WHERE datname = 'empty'"
    await eventually(lambda: ask(pair.standby, is_there))

    done = await asyncio.to_thread(
        run_module, "consumer_app", ["database", "runs"], {"DATABASE_URL": url}
    )

    assert done.returncode == 2
    assert done.stderr.startswith("the database is a standby")


async def follow(pair: Pair) -> None:
    """Store an event of a run, and wait until the standby has it."""
    async with EventStore.at(pair.primary.url) as store:
        await store.add([replace(EVENT, patient_id="of a run")], "monday")
    await eventually(
        lambda: ask(pair.standby, "SELECT true FROM medication_event WHERE patient_id = 'of a run'")
    )


async def on_the_standby(pair: Pair, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"DATABASE_URL": pair.standby.url}
    arguments = ["database", *command]
    return await asyncio.to_thread(run_module, "consumer_app", arguments, environment)


@pytest.mark.fault("PostgreSQL's connections led to a standby")
async def test_a_connection_that_leads_to_a_standby_is_given_up_at_once(pair: Pair) -> None:
    proxy = await asyncio.to_thread(Proxy, pair.primary.port)
    url = pair.primary.url.replace(str(pair.primary.port), str(proxy.port))
    async with EventStore.at(url) as store:
        await store.add([EVENT])
        proxy.lead_to(pair.standby.port)
        await asyncio.to_thread(proxy.reset)
        adding = asyncio.create_task(store.add([LATER]))

        async def is_read_only() -> bool:
            return "read-only transaction" in (await store.write_problem() or "")

        await eventually(is_read_only)
        # The connections to the standby live on.
        proxy.lead_to(pair.primary.port)
        async with asyncio.timeout(20):
            await adding
        assert await store.events_of("later") == [LATER]
    await asyncio.to_thread(proxy.close)


@pytest.mark.fault("PostgreSQL's primary killed (-9), its standby promoted")
async def test_of_several_hosts_the_one_that_can_be_written_to_is_found(pair: Pair) -> None:
    """The last one: it ends the primary."""
    hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in (pair.standby, pair.primary))
    url = f"postgresql+asyncpg://postgres@/postgres?{hosts}&target_session_attrs=read-write"
    async with EventStore.at(url) as store:
        await store.prepare()
        await store.add([EVENT])

        await asyncio.to_thread(pair.primary.kill)
        await ask(pair.standby, "SELECT pg_promote()")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await store.add([replace(EVENT, patient_id="behind it")])
        assert await ask(
            pair.standby, "SELECT true FROM medication_event WHERE patient_id = 'behind it'"
        )
