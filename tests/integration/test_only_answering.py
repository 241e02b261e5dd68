"""A process that only answers, beside those that store: CONSUMER_RECEIVES=false."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.storage.backend import MOST_EVENTS
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore
from local.broker import PrivateBroker, private_broker
from local.postgres import PrivatePostgres
from tests.databases import KINDS, PostgresDatabase, SqliteFile, connect
from tests.integration.test_upgrade import as_stored, in_postgresql, in_sqlite, row
from tests.processes import run_module
from tests.services import ServiceProcess, eventually

FIRST = datetime(2021, 1, 1, tzinfo=UTC)
ONLY_ANSWERING = {"CONSUMER_RECEIVES": "false"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def sqlite(tmp_path: Path) -> tuple[str, str]:
    url = SqliteFile(tmp_path / "later").url
    return url, url


@pytest.fixture
def postgresql(postgres: PrivatePostgres) -> tuple[str, str]:
    url = PostgresDatabase(postgres).url
    asyncio.run(_make_reader(url))
    return url, url.replace("postgres@", "reader@")


async def _make_reader(url: str) -> None:
    """Make one who may read everything, and write nothing."""
    connection = await connect(url)
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = 'reader'"):
        await connection.execute("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
    await connection.close()


@pytest.fixture(params=KINDS)
def urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Give the URLs of a new database for who stores and for who only answers."""
    found: tuple[str, str] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], ServiceProcess]]:
    """Start consumers, and end those that are still there in the end."""
    started: list[ServiceProcess] = []

    def start(environment: Mapping[str, str]) -> ServiceProcess:
        started.append(ServiceProcess("consumer", environment, tmp_path))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()


def publish(patient: str, count: int, broker: PrivateBroker) -> None:
    events = [
        {
            "patient_id": patient,
            "medication_name": f"Medication {number % 10}",
            "action": ["start", "stop"][number // 10 % 2],
            "event_time": (FIRST + timedelta(minutes=number)).isoformat(),
        }
        for number in range(count)
    ]
    stdin = json.dumps(events).encode()
    environment = {"RABBITMQ_URL": broker.url}
    run_module("publisher_app", ["-"], environment, stdin=stdin).check_returncode()


def ask(service: ServiceProcess, patient: str, path: str = "/periods") -> httpx.Response:
    return httpx.get(f"{service.url}{path}", params={"patient_id": patient}, timeout=30)


def periods(service: ServiceProcess, patient: str) -> int:
    """Count a patient's periods; without an answer there are none."""
    answer = ask(service, patient)
    return len(answer.json()["periods"]) if answer.status_code == 200 else 0


def health(service: ServiceProcess, of: str = "ready") -> tuple[int, Mapping[str, Any]]:
    answer = httpx.get(f"{service.url}/health/{of}", timeout=20)
    return answer.status_code, answer.json()


@pytest.mark.fault("consumer killed (-9) beside a process that only answers")
def test_it_answers_as_one_that_stores_does_and_outlives_it(
    urls: tuple[str, str],
    broker: PrivateBroker,
    start: Callable[[Mapping[str, str]], ServiceProcess],
    tmp_path: Path,
) -> None:
    storing_url, answering_url = urls
    # The port of tcpmux: whoever connected to it would say so.
    nowhere = {"RABBITMQ_URL": "amqp://guest:guest@127.0.0.1:1/"}
    # It is all that such a process writes, and must be where that may be.
    audit = {"AUDIT_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/audit.db"}
    answering = start({**ONLY_ANSWERING, **nowhere, **audit, "DATABASE_URL": answering_url})
    eventually(lambda: answering.readiness() is not None)
    status, body = health(answering)
    assert (status, body["status"]) == (503, "not ready")
    assert "yet: who stores makes" in body["problems"]["database"]
    assert ask(answering, "few").status_code == 503
    assert not (tmp_path / "later").exists()

    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": storing_url}
    storing = start(environment)
    storing.wait_until_ready()
    answering.wait_until_ready()
    many = MOST_EVENTS + 500
    publish("many", many, broker)
    publish("few", 10, broker)
    eventually(lambda: periods(storing, "few"))
    # Of each medication every second event ends a period.
    eventually(lambda: periods(storing, "many") == many // 2)
    for patient in ("few", "many", "unknown"):
        for path in ("/periods", "/events"):
            answers = [ask(service, patient, path) for service in (storing, answering)]
            assert [answer.status_code for answer in answers] == [200, 200]
            assert answers[0].json() == answers[1].json()
            assert len({answer.headers[LAST_RECEIVED] for answer in answers}) == 1
    assert health(answering, "receiving")[0] == 404

    storing.kill()
    assert periods(answering, "few")
    storing = start(environment)
    storing.wait_until_ready()
    publish("later", 10, broker)
    eventually(lambda: periods(storing, "later"))
    assert periods(answering, "later")
    assert answering.readiness() == {}

    storing.stop()
    answering.stop()
    log = answering.log.read_text()
    assert "nothing is received: RabbitMQ is not connected" in log
    (warning,) = [line for line in log.splitlines() if " WARNING " in line or " ERROR " in line]
    assert "yet: who stores makes" in warning


def _use_a_log(file: Path) -> None:
    """Leave a file as a consumer leaves it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


async def test_a_database_of_1_0_0_is_migrated_beside_one_that_waits_for_it(
    urls: tuple[str, str], tmp_path: Path
) -> None:
    rows = [as_stored(number, row(str(number), "Heparin")) for number in range(5_000)]
    url, _ = urls
    if url.startswith("sqlite"):
        url = await in_sqlite(tmp_path, rows)
        await asyncio.to_thread(_use_a_log, tmp_path / "events.db")
    else:
        await in_postgresql(url, rows, partitions=0)

    async def wait(reading: EventStore) -> set[str]:
        """Ask more often than anybody does; return what was said until it could be read."""
        said = set()
        while problem := await reading.problem():
            said.add(problem)
            await asyncio.sleep(0.02)
        return said

    terms = Terms(backed_up_before="2.0.0")
    async with EventStore.at(url, read_only=True) as reading, EventStore.at(url, terms) as storing:
        before = "the database is of an older version: who stores migrates it"
        assert await reading.problem() == before
        waiting = asyncio.create_task(wait(reading))

        # As who stores does, for whom a look may be in the way.
        async for attempt in stamina.retry_context(DatabaseUnavailable, attempts=None, timeout=30):
            with attempt:
                await storing.prepare()

        said = await asyncio.wait_for(waiting, 30)
        assert all(each == before or "can't be read" in each for each in said), said
        assert len(await reading.events_of("1")) == 1
