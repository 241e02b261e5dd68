"""The database: how it is opened, made durable, and brought to the newest schema in turn."""

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from threading import Event

from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consumer_app.storage.replacing import is_of_1_0_0, replace
from consumer_app.storage.schema import USUAL_TERMS, Terms, no_database, upgrade

_DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")
_BUSY_TIMEOUT_SECONDS = 5.0
# What hangs is given up, reported, and tried again: seconds, but for the lock's milliseconds.
_POSTGRES_LIMITS = {
    "timeout": 10,
    "command_timeout": 60,
    "server_settings": {"lock_timeout": "5000"},
}
_PRAGMAS = (
    # Written first, so that even switching to WAL waits for another process that does the same.
    f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_SECONDS * 1000)}",
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it returns; WAL's default would lose some on a power cut.
    "PRAGMA synchronous = FULL",
    # Rows of many patients go to as many pages: more commits share a checkpoint (a log of 32 MB)
    # than by default, and more pages stay in memory, see below.
    "PRAGMA wal_autocheckpoint = 8192",
)
USUAL_CACHE_BYTES = 32 * 1024 * 1024


def check_database_url(url: str) -> str:
    """Return a URL that names a database we know.

    Raises:
        ValueError: it does not.

    """
    try:
        known = make_url(url).drivername in _DRIVERS
    except ArgumentError:
        known = False
    if not known:
        raise ValueError(
            "write sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE"
        )
    return url


def open_database(url: str, cache_bytes: int = USUAL_CACHE_BYTES) -> AsyncEngine:
    """Make the engine; nothing is connected yet.

    ``cache_bytes`` are what a connection to SQLite may keep of the file.
    """
    address = make_url(url)
    # Errors would repeat the parameters, and with them patients and medications.
    if address.get_backend_name() != "sqlite":
        return create_async_engine(
            address, hide_parameters=True, pool_pre_ping=True, connect_args=_POSTGRES_LIMITS
        )
    # The statements of as many sizes as there are: see SqliteBackend.
    prepared = {"cached_statements": 256}
    engine = create_async_engine(address, hide_parameters=True, connect_args=prepared)
    pragmas = (*_PRAGMAS, f"PRAGMA cache_size = -{cache_bytes // 1024}")
    event.listen(engine.sync_engine, "connect", partial(_set_up_connection, pragmas))
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_up_connection(pragmas: Iterable[str], connection: DBAPIConnection, _: object) -> None:
    # The driver would begin transactions by itself, as readers: see _begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    """Begin a write as one: a reader that turns writer gets "database is locked" at once."""
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


async def migrate(engine: AsyncEngine, terms: Terms = USUAL_TERMS) -> None:
    """Bring the schema to its newest version; processes that start together take turns.

    In one process only one database is migrated at a time: Alembic keeps its state in a module.

    Raises:
        UnusableDatabase: this program can't work with it, or may not migrate it.
        sqlalchemy.exc.SQLAlchemyError, OSError: the database can't be written now.

    """
    if engine.dialect.name == "sqlite" and engine.url.database:
        file = Path(engine.url.database)
        _look_for(file, terms)
        if await asyncio.to_thread(is_of_1_0_0, file):
            stopped = Event()
            try:
                await asyncio.to_thread(replace, file, terms, stopped.is_set)
            finally:
                # Given up, it goes on in its thread.
                stopped.set()
    async with engine.connect() as connection:
        try:
            # Begun here, it is not Alembic's: what it does is one transaction.
            await connection.begin()
            await connection.run_sync(upgrade, terms)
            await connection.commit()
        finally:
            # The turn is over with the session, whatever became of its transactions.
            await connection.invalidate()


def _look_for(file: Path, terms: Terms) -> None:
    # To open it would make it.
    if terms.must_exist and not file.exists():
        raise no_database(str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
