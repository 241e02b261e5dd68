"""A database's schema beside the one that the code is written for."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from consumer_app.storage.database import migrate, open_database
from consumer_app.storage.tables import EVENTS


async def differences(engine: AsyncEngine) -> list[Any]:
    """List what differs: tables, columns, their types, what may be null, the order of the key."""
    async with engine.connect() as connection:
        return await connection.run_sync(_differences)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: list[Any] = list(compare_metadata(context, SQLModel.metadata))
    key = inspect(connection).get_pk_constraint(EVENTS.name)["constrained_columns"]
    declared = [column.name for column in EVENTS.primary_key]
    return found if key == declared else [*found, ("key", key, declared)]


def migrated_by_a_newer_program(file: Path, oldest_program: str) -> None:
    """Make a SQLite file as a program leaves it that has one more migration than this one."""

    async def make() -> None:
        engine = open_database(f"sqlite+aiosqlite:///{file}")
        await migrate(engine)
        await engine.dispose()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    with closing(sqlite3.connect(file)) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.execute("UPDATE schema_requirement SET oldest_program = ?", [oldest_program])
