"""A database's schema beside the one that the code is written for."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from consumer_app.storage.tables import TABLE


async def differences(engine: AsyncEngine) -> list[object]:
    """List what differs: tables, columns, their types, what may be null, the order of the key."""
    async with engine.connect() as connection:
        return await connection.run_sync(_differences)


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: list[object] = list(compare_metadata(context, SQLModel.metadata))
    key = inspect(connection).get_pk_constraint(TABLE.name)["constrained_columns"]
    declared = [column.name for column in TABLE.primary_key]
    return found if key == declared else [*found, ("key", key, declared)]
