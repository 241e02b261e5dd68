"""A consumer whose database is of no use ends at its start, with one line that says what to do."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from local.postgres import PrivatePostgres
from tests.databases import connect
from tests.schemas import migrated_by_a_newer_program
from tests.services import ServiceProcess

# Nothing listens on the port of tcpmux: RabbitMQ is never asked.
NO_BROKER = "amqp://guest:guest@127.0.0.1:1/"


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def newer(folder: Path, _: PrivatePostgres) -> str:
    migrated_by_a_newer_program(folder / "events.db", oldest_program="99.1.0")
    return url_of(folder / "events.db")


def absent(folder: Path, _: PrivatePostgres) -> str:
    return url_of(folder / "not-mounted" / "events.db")


def empty(_: Path, server: PrivatePostgres) -> str:
    return _made(server, "empty", "ENCODING 'UTF8'")


def latin_1(_: Path, server: PrivatePostgres) -> str:
    return _made(server, "latin_1", "ENCODING 'LATIN1'")


def _made(server: PrivatePostgres, name: str, encoding: str) -> str:
    async def make() -> None:
        connection = await connect(server.url)
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {encoding}")
        await connection.close()

    asyncio.run(make())
    return server.url.removesuffix("postgres") + name


@pytest.mark.parametrize(
    ("database", "reason"),
    [
        (newer, "the database is that of a newer program"),
        (absent, "DATABASE_MUST_EXIST is set, and there are no tables of ours in "),
        (empty, "DATABASE_MUST_EXIST is set, and there are no tables of ours in empty"),
        (latin_1, "the database can't hold every text, as its encoding is LATIN1"),
    ],
)
@pytest.mark.fault("database of no use: absent, empty, not UTF-8, of a newer program")
def test_a_database_of_no_use_ends_the_start(
    database: Callable[[Path, PrivatePostgres], str],
    reason: str,
    tmp_path: Path,
    postgres: PrivatePostgres,
) -> None:
    environment = {
        "RABBITMQ_URL": NO_BROKER,
        "DATABASE_URL": database(tmp_path, postgres),
        "DATABASE_MUST_EXIST": "true",
    }
    consumer = ServiceProcess("consumer", environment, tmp_path)

    assert consumer.process.wait(60) not in (0, None)
    (line,) = [each for each in consumer.log.read_text().splitlines() if "can't go on" in each]
    assert reason in line
    assert "Traceback" not in consumer.log.read_text()
    assert not (tmp_path / "not-mounted").exists()
