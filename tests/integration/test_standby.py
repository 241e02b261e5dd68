"""PostgreSQL with a standby, which must have what is stored, or takes the primary's place."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.replica_lag import ReplicaLag
from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
from local.postgres import PrivatePostgres, private_postgres
from runtime.http.health import Remark
from tests.databases import connect
from tests.faults.proxy import Proxy
from tests.processes import run_module
from tests.runs import event
from tests.services import ServiceProcess
from tests.standby import Standby, ask, let_commits_wait, let_no_commit_wait, url_of_all

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
    await let_commits_wait(primary)
    try:
        yield
    finally:
        await let_no_commit_wait(primary)


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
            # It has it on its disk, and shows it a moment later.
            stored = partial(ask, pair.standby, "SELECT true FROM medication_event")
            assert await eventually(stored)


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
        (["runs"], "\t1\t0\t0\t-\t-\tmonday\n"),
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
    environment = {"DATABASE_URL": pair.standby.url, "AUDIT_DATABASE_URL": pair.primary.url}
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


@asynccontextmanager
async def replay_paused(standby: Standby) -> AsyncIterator[None]:
    await ask(standby, "SELECT pg_wal_replay_pause()")
    # What is begun is replayed to its end.
    is_paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
    await eventually(lambda: ask(standby, is_paused))
    try:
        yield
    finally:
        await ask(standby, "SELECT pg_wal_replay_resume()")


def health_of(service: ServiceProcess) -> tuple[int, dict[str, str]]:
    answer = httpx.get(f"{service.url}/health/ready", timeout=20)
    return answer.status_code, answer.json()["problems"]


def periods_of(service: ServiceProcess, patient: str) -> tuple[int, str]:
    """Return how many periods a patient has, and how fresh the answer says that it is."""
    answer = httpx.get(f"{service.url}/periods", params={"patient_id": patient}, timeout=20)
    return len(answer.json()["periods"]), answer.headers[LAST_RECEIVED]


@pytest.mark.fault("PostgreSQL's replica behind, asked by a process that only answers")
async def test_a_process_that_only_answers_says_how_old_its_replica_is(
    pair: Pair, tmp_path: Path
) -> None:
    async def health() -> tuple[int, dict[str, str]]:
        return await asyncio.to_thread(health_of, service)

    async def periods(patient: str) -> tuple[int, str]:
        return await asyncio.to_thread(periods_of, service, patient)

    audit = {"AUDIT_DATABASE_URL": pair.primary.url}
    async with (
        answering(pair.standby.url, tmp_path, CONSUMER_MAX_LAG="2", **audit) as service,
        EventStore.at(pair.primary.url) as store,
    ):
        await store.add([replace(EVENT, patient_id="in time")])
        await asyncio.to_thread(service.wait_until_ready)
        await eventually(lambda: knows_of(pair.standby, "in time"))
        known, before = await periods("in time")
        assert known == 1

        async with replay_paused(pair.standby):
            await store.add([replace(EVENT, patient_id="too late")])
            assert await periods("too late") == (0, before)
            await eventually(partial(_is, health, 503))
            _, problems = await health()
            assert problems.keys() == {"replica"}
            assert re.fullmatch(
                r"the replica may lack what was stored in the last \d+ s: "
                r"CONSUMER_MAX_LAG allows 2 s",
                problems["replica"],
            )
            assert await periods("too late") == (0, before), "it answers, and says how old that is"

        await eventually(partial(_is, health, 200))
        await eventually(lambda: knows_of(pair.standby, "too late"))
        known, after = await periods("too late")
        assert known == 1
        assert after > before
    assert "database can't be" not in service.log.read_text()


@pytest.mark.fault("audit on PostgreSQL's replica, which can only be read")
async def test_an_audit_that_would_be_on_a_replica_is_told_of(pair: Pair, tmp_path: Path) -> None:
    async with (
        EventStore.at(pair.primary.url) as store,
        answering(pair.standby.url, tmp_path) as it,
    ):
        await store.prepare()
        told = "can only be read; name the primary in AUDIT_DATABASE_URL"
        await eventually(lambda: _problem_of_audit_has(told, it))
        answer = await asyncio.to_thread(
            httpx.get, f"{it.url}/periods", params={"patient_id": "x"}, timeout=20
        )
        assert answer.status_code == 503
        assert told in answer.json()["detail"]


async def _problem_of_audit_has(text: str, service: ServiceProcess) -> bool:
    problems = await asyncio.to_thread(service.readiness)
    return problems is not None and text in problems.get("audit", "")


@asynccontextmanager
async def answering(url: str, folder: Path, **settings: str) -> AsyncIterator[ServiceProcess]:
    environment = {"CONSUMER_RECEIVES": "false", "DATABASE_URL": url, **settings}
    service = await asyncio.to_thread(ServiceProcess, "consumer", environment, folder)
    try:
        yield service
    finally:
        await asyncio.to_thread(service.stop)


async def _is(health: Callable[[], Awaitable[tuple[int, dict[str, str]]]], status: int) -> bool:
    return (await health())[0] == status


async def knows_of(server: PrivatePostgres, patient: str) -> object:
    return await ask(server, "SELECT true FROM medication_event WHERE patient_id = $1", patient)


@pytest.mark.fault("PostgreSQL's replica cut off from its primary")
async def test_a_replica_without_its_primary_is_read_and_told_of(pair: Pair) -> None:
    async with EventStore.at(pair.primary.url) as store:
        await store.add([replace(EVENT, patient_id="before")])
    await eventually(lambda: knows_of(pair.standby, "before"))
    async with EventStore.at(pair.standby.url, read_only=True) as store:
        lag = ReplicaLag(store.replication, most_seconds=None)

        async def told() -> str:
            return await lag.problem() or ""

        await eventually(partial(_says_nothing, told))
        await asyncio.to_thread(pair.primary.stop)
        try:
            await eventually(partial(_says, told, "the replica is not connected to its primary"))
            assert isinstance(await lag.problem(), Remark)
            assert len(await store.events_of("before")) == 1
        finally:
            await asyncio.to_thread(pair.primary.start)
        await eventually(partial(_says_nothing, told))


async def test_a_role_that_only_reads_sees_how_far_the_replica_is_once_it_is_granted(
    pair: Pair,
) -> None:
    await follow(pair)
    await ask(pair.primary, "CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
    is_there = "SELECT true FROM pg_roles WHERE rolname = 'reader'"
    await eventually(lambda: ask(pair.standby, is_there))
    url = pair.standby.url.replace("postgres@", "reader@")
    async with EventStore.at(url, read_only=True) as store:
        lag = ReplicaLag(store.replication, most_seconds=None)

        async def told() -> str:
            return await lag.problem() or ""

        assert "GRANT pg_read_all_stats" in await told()
        await ask(pair.primary, "GRANT pg_read_all_stats TO reader")
        await eventually(partial(_says_nothing, told))
        found = await store.replication()
        assert found is not None
        assert found.written is not None


@pytest.mark.parametrize(
    ("asked", "is_standby"),
    [
        ("read-write", False),
        ("primary", False),
        ("read-only", True),
        ("standby", True),
        ("prefer-standby", True),
    ],
)
async def test_what_only_answers_finds_the_host_it_asks_for_and_never_writes_there(
    pair: Pair, asked: str, is_standby: bool
) -> None:
    await follow(pair)
    url = url_of_all(pair.standby, pair.primary, asked=asked)
    async with EventStore.at(url, read_only=True) as store:
        assert (await store.replication() is not None) is is_standby
        assert len(await store.events_of("of a run")) == 1
        with pytest.raises(UnusableDatabase, match="a standby, or can only be read"):
            await store.prepare()
        with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
            await store.delete(
                {HistoryKey("of a run", EVENT.medication_name, EVENT.order_id): HistorySize(1)}
            )


async def _says(told: Callable[[], Awaitable[str]], words: str) -> bool:
    return words in await told()


async def _says_nothing(told: Callable[[], Awaitable[str]]) -> bool:
    return await told() == ""


@pytest.mark.fault("PostgreSQL's primary killed (-9), its standby promoted")
async def test_of_several_hosts_the_one_that_can_be_written_to_is_found(pair: Pair) -> None:
    """The last one: it ends the primary."""
    async with EventStore.at(url_of_all(pair.standby, pair.primary)) as store:
        await store.prepare()
        await store.add([EVENT])

        await asyncio.to_thread(pair.primary.kill)
        await ask(pair.standby, "SELECT pg_promote()")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await store.add([replace(EVENT, patient_id="behind it")])
        assert await ask(
            pair.standby, "SELECT true FROM medication_event WHERE patient_id = 'behind it'"
        )
