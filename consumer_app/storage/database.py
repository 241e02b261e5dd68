"""The database: how it is opened, made durable, and brought to the newest schema in turn."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from consumer_app.storage.files import keep_private
from consumer_app.storage.libpq import connect, is_behind_pgbouncer, postgres_url, take_words
from consumer_app.storage.replacing import finish, is_of_1_0_0, replace
from consumer_app.storage.schema import (
    USUAL_TERMS,
    Terms,
    is_newest,
    no_database,
    see_that_it_is_newest,
    upgrade,
)

_BUSY_TIMEOUT_SECONDS = 5.0
# What hangs is given up, reported, and tried again: seconds, but for the lock's milliseconds.
_POSTGRES_LIMITS = {"command_timeout": 60}
# A migration counts and copies whole tables.
_LIMITS_OF_MIGRATION = {"command_timeout": 3600}
_POSTGRES_SETTINGS = {
    "lock_timeout": "5000",
    # A plan that is kept is the one for the sizes of its day: for an empty table, which is read
    # from its beginning to its end, until PostgreSQL has analyzed what came into it since. To plan
    # our statements takes less than 0.1 ms; to compile them takes longer than they do.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
}
_READ_ONLY = {"default_transaction_read_only": "on"}
# PgBouncer gives each transaction another session: what is prepared in one is not there in the
# next, or another client's of that name is. What has no name is replaced by the next. Nor may we
# say how a session is to be: its role has to, but for what a transaction can say itself.
_NOTHING_IN_SESSION = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}
# By that setting, which is ours alone, the driver takes a primary for a host that is read-only.
_HOSTS_FOR_READERS = {"read-write": "primary", "read-only": "standby"}
# Given first, so that switching to WAL waits for who writes. Of two that switch a new file at once
# SQLite may refuse one all the same: who opens it tries again.
_PATIENCE = f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_SECONDS * 1000)}"
_FOR_WRITING = (
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it returns; WAL's default would lose some on a power cut.
    "PRAGMA synchronous = FULL",
    # Rows of many patients go to as many pages: more small commits share a checkpoint (a log of
    # 32 MB, which one of very many events exceeds) than by default, and more pages stay in memory,
    # see below.
    "PRAGMA wal_autocheckpoint = 8192",
)
USUAL_CACHE_BYTES = 32 * 1024 * 1024


def pragmas(cache_bytes: int = USUAL_CACHE_BYTES, *, read_only: bool = False) -> tuple[str, ...]:
    """Name what a connection to SQLite is set up with."""
    for_writing = () if read_only else _FOR_WRITING
    return (_PATIENCE, *for_writing, f"PRAGMA cache_size = -{cache_bytes // 1024}")


def check_database_url(url: str) -> str:
    """Return a URL that names a database we know, in the words that SQLAlchemy takes.

    Raises:
        ValueError: it does not; the text repeats no secret.

    """
    if address := postgres_url(url):
        return address.render_as_string(hide_password=False)
    if not _names_file(url):
        raise ValueError(
            "write sqlite+aiosqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    return url


def _names_file(url: str) -> bool:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return False
    name = address.database or ":memory:"
    # What SQLite takes for something else would be a stray file beside it.
    return address.drivername == "sqlite+aiosqlite" and not name.startswith((":memory:", "file:"))


def open_database(
    url: str, cache_bytes: int = USUAL_CACHE_BYTES, *, read_only: bool = False
) -> AsyncEngine:
    """Make the engine; nothing is connected yet.

    ``cache_bytes`` are what a connection to SQLite may keep of the file. Where it is ``read_only``
    the database itself refuses each write, and no file is made.

    Raises:
        ValueError: the URL names no database we know.

    """
    address = make_url(check_database_url(url))
    if address.get_backend_name() != "sqlite":
        return _open_postgres(address, read_only=read_only, pool_pre_ping=True)
    # The statements of as many sizes as there are: see SqliteBackend.
    prepared = {"cached_statements": 256}
    # Errors would repeat the parameters, and with them patients and medications.
    engine = create_async_engine(address, hide_parameters=True, connect_args=prepared)
    if read_only:
        event.listen(engine.sync_engine, "do_connect", _connect_read_only)
    set_up = partial(_set_up_connection, pragmas(cache_bytes, read_only=read_only))
    event.listen(engine.sync_engine, "connect", set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _open_postgres(
    address: URL,
    *,
    read_only: bool = False,
    limits: Mapping[str, int] = _POSTGRES_LIMITS,
    **options: Any,  # noqa: ANN401 - SQLAlchemy's
) -> AsyncEngine:
    if read_only:
        address = _for_readers(address)
        options["execution_options"] = {"postgresql_readonly": True}
    is_shared = is_behind_pgbouncer(address)
    settings = {**_POSTGRES_SETTINGS, **(_READ_ONLY if read_only else {})}
    of_session = _NOTHING_IN_SESSION if is_shared else {"server_settings": settings}
    engine = create_async_engine(
        address,
        hide_parameters=True,
        connect_args={**limits, **of_session, "async_creator_fn": connect},
        **options,
    )
    event.listen(engine.sync_engine, "do_connect", take_words)
    if is_shared:
        event.listen(engine.sync_engine, "begin", _limit_locks)
    return engine


def _limit_locks(connection: Connection) -> None:
    if _only_reads(connection):
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_POSTGRES_SETTINGS['lock_timeout']}")


def _for_readers(address: URL) -> URL:
    asked = address.query.get("target_session_attrs")
    if not isinstance(asked, str) or asked not in _HOSTS_FOR_READERS:
        return address
    return address.update_query_dict({"target_session_attrs": _HOSTS_FOR_READERS[asked]})


def _connect_read_only(_: object, __: object, arguments: list[Any], named: dict[str, Any]) -> None:
    # Its log's index is still shared with who writes: beside the file, and made where it is not.
    arguments[0] = f"{Path(arguments[0]).as_uri()}?mode=ro"
    named["uri"] = True


def _set_up_connection(set_up: Iterable[str], connection: DBAPIConnection, _: object) -> None:
    # The driver would begin transactions by itself, as readers: see _begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in set_up:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    """Begin a write as one: a reader that turns writer gets "database is locked" at once."""
    connection.exec_driver_sql("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")


def _only_reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("read_only", False))


async def migrate(engine: AsyncEngine, terms: Terms = USUAL_TERMS) -> None:
    """Bring the schema to its newest version; processes that start together take turns.

    In one process only one database is migrated at a time: Alembic keeps its state in a module.

    Raises:
        UnusableDatabase: this program can't work with it, or may not migrate it.
        sqlalchemy.exc.SQLAlchemyError, OSError: the database can't be written now.

    """
    if engine.dialect.name == "sqlite" and engine.url.database:
        file = Path(engine.url.database)
        _see_to(file, terms)
        if await asyncio.to_thread(is_of_1_0_0, file):
            stopped = Event()
            try:
                await asyncio.to_thread(replace, file, terms, stopped.is_set)
            finally:
                # Given up, it goes on in its thread.
                stopped.set()
        finish(file)
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        if await connection.run_sync(is_newest):
            return
    async with _unhurried(engine).connect() as connection:
        try:
            # Begun here, it is not Alembic's: what it does is one transaction.
            await connection.begin()
            await connection.run_sync(upgrade, terms)
            await connection.commit()
        finally:
            # Whatever became of its transaction, nothing of it is left behind.
            await connection.invalidate()


async def check(engine: AsyncEngine) -> None:
    """See that the schema is one that this program can read, and change nothing.

    No connection stays open behind it.

    Raises:
        DatabaseUnavailable: it is not there yet, or has still to be migrated, by who stores.
        UnusableDatabase: this program can't work with it.
        sqlalchemy.exc.SQLAlchemyError, OSError: the database can't be read now.

    """
    async with engine.connect() as connection:
        try:
            await connection.execution_options(read_only=True)
            await connection.run_sync(see_that_it_is_newest)
        finally:
            await connection.invalidate()


def _unhurried(engine: AsyncEngine) -> AsyncEngine:
    """Give an engine whose statements may take as long as those of a migration do."""
    if engine.dialect.name == "sqlite":
        return engine
    return _open_postgres(engine.url, limits=_LIMITS_OF_MIGRATION, poolclass=NullPool)


def _see_to(file: Path, terms: Terms) -> None:
    if terms.must_exist and not file.exists():
        raise no_database(str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    keep_private(file)
