"""The database: how it is opened, made durable, and brought to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")
_BUSY_TIMEOUT = 5.0
_PRAGMAS = (
    # Written first, so that even switching to WAL waits for another process that does the same.
    f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT * 1000)}",
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it returns; WAL's default would lose some on a power cut.
    "PRAGMA synchronous = FULL",
)


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


def open_database(url: str) -> AsyncEngine:
    """Make the engine; nothing is connected yet."""
    address = make_url(url)
    # Errors would repeat the parameters, and with them patients and medications.
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, hide_parameters=True, pool_pre_ping=True)
    engine = create_async_engine(address, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _set_up_connection)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_up_connection(connection: DBAPIConnection, _: object) -> None:
    # The driver would begin transactions by itself, as readers: see _begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    """Begin a write as one: a reader that turns writer gets "database is locked" at once."""
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to its newest version; processes that start together take turns.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, OSError: the database can't be written now.

    """
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", "consumer_app:migrations")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
