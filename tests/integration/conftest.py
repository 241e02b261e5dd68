"""A real broker for all integration tests, and both services as processes of their own."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.broker import PrivateBroker, private_broker
from tests.databases import KINDS, Database, PostgresDatabase, SqliteFile
from tests.processes import run_module
from tests.services import ServiceProcess


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="session", params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    if request.param == "sqlite":
        return SqliteFile(tmp_path_factory.mktemp("database"))
    return PostgresDatabase(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def environment(broker: PrivateBroker, database: Database) -> dict[str, str]:
    return {
        "RABBITMQ_URL": broker.url,
        "DATABASE_URL": database.url,
        "PUBLISHER_GIVE_UP_AFTER": "10",
    }


@pytest.fixture(scope="session")
def consumer(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    service = ServiceProcess("consumer", environment, tmp_path_factory.mktemp("logs"))
    service.wait_until_ready()
    yield service
    service.stop()


@pytest.fixture(scope="session")
def publisher(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    service = ServiceProcess("publisher", environment, tmp_path_factory.mktemp("logs"))
    service.wait_until_ready()
    yield service
    service.stop()


Publish = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def publish(environment: dict[str, str]) -> Publish:
    """Run `python -m publisher_app`; `stdin` and single variables may be given."""

    def run(
        *arguments: str | Path, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return run_module(
            "publisher_app",
            [*map(str, arguments)],
            {**environment, **variables},
            stdin=(stdin or "").encode(),
        )

    return run


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port where something listens and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]
