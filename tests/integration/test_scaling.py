"""Several consumers share the queue, and one database."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from local.broker import PrivateBroker, private_broker
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase
from tests.pgbouncer import private_pgbouncer
from tests.processes import run_module
from tests.services import ServiceProcess, eventually

EVENTS = [
    {
        "patient_id": str(number % 50),
        "medication_name": "Heparin",
        "action": "start" if number % 100 < 50 else "stop",
        "event_time": f"2021-01-{1 + number // 100:02}T0{number % 100 // 50}:00:00Z",
    }
    for number in range(2_000)
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def environment(broker: PrivateBroker, postgres: PrivatePostgres) -> dict[str, str]:
    return {
        "RABBITMQ_URL": broker.url,
        "DATABASE_URL": PostgresDatabase(postgres).url,
        "PUBLISHER_BATCH_SIZE": "5",
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "events.jsonl"
    written.write_text("".join(f"{json.dumps(event)}\n" for event in reversed(EVENTS)))
    return written


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_consumers_gives_the_same_answers(
    count: int, environment: dict[str, str], file: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        running = [ServiceProcess("consumer", environment, tmp_path) for _ in range(count)]
        for service in running:
            stack.callback(service.stop)
        for service in running:
            service.wait_until_ready()
        publish(file, environment)
        for service in running:
            eventually(partial(answers_right, service.url))


def test_faststreams_workers_share_the_work_and_the_port(
    environment: dict[str, str], file: Path, tmp_path: Path
) -> None:
    service = ServiceProcess("consumer", environment, tmp_path, options=["--workers", "2"])
    try:
        service.wait_until_ready()
        publish(file, environment)
        eventually(partial(answers_right, service.url))
    finally:
        service.stop()


def test_consumers_behind_pgbouncer_give_the_same_answers(
    environment: dict[str, str], postgres: PrivatePostgres, file: Path, tmp_path: Path
) -> None:
    with private_pgbouncer(postgres) as bouncer, ExitStack() as stack:
        url = f"{bouncer.url_of(environment['DATABASE_URL'])}?pgbouncer=true"
        through = {**environment, "DATABASE_URL": url}
        running = [ServiceProcess("consumer", through, tmp_path) for _ in range(2)]
        for service in running:
            stack.callback(service.stop)
        for service in running:
            service.wait_until_ready()
        publish(file, environment)
        for service in running:
            eventually(partial(answers_right, service.url))
            assert "can't be" not in service.log.read_text()


def publish(file: Path, environment: dict[str, str]) -> None:
    run_module("publisher_app", [str(file)], environment).check_returncode()


def answers_right(url: str) -> bool:
    return all(map(is_right, answers(url)))


def answers(url: str) -> Iterator[list[dict[str, str]]]:
    with httpx.Client(base_url=url) as client:
        for patient in range(50):
            answer = client.get("/periods", params={"patient_id": str(patient)})
            yield answer.raise_for_status().json()["periods"]


def is_right(periods: list[dict[str, str]]) -> bool:
    """One period of an hour each day, for twenty days."""
    return [(period["start"], period["end"]) for period in periods] == [
        (f"2021-01-{day:02}T00:00:00Z", f"2021-01-{day:02}T01:00:00Z") for day in range(1, 21)
    ]
