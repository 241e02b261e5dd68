"""The databases that the tests run over: a new one for each that asks."""

import asyncio
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg

from local.postgres import PrivatePostgres

KINDS = ("sqlite", "postgresql")


class Database(Protocol):
    """A database for one test or one session."""

    url: str
    """As DATABASE_URL takes it."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from writing, as another program that writes does; they may read."""
        yield


class SqliteFile:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "events.db"
        self.url = f"sqlite+aiosqlite:///{self.file}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield


class PostgresDatabase:
    def __init__(self, server: PrivatePostgres) -> None:
        name = f"test_{secrets.token_hex(8)}"
        asyncio.run(_execute(server.url, f"CREATE DATABASE {name}"))
        self.url = server.url.removesuffix("postgres") + name

    @contextmanager
    def locked(self) -> Iterator[None]:
        with asyncio.Runner() as runner:
            connection = runner.run(connect(self.url))
            runner.run(connection.execute("BEGIN"))
            runner.run(connection.execute("LOCK TABLE event IN EXCLUSIVE MODE"))
            yield
            runner.run(connection.close())


async def connect(url: str) -> asyncpg.Connection:
    """Connect to PostgreSQL as another program would."""
    return await asyncpg.connect(url.replace("+asyncpg", ""))


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url)
    await connection.execute(statement)
    await connection.close()
