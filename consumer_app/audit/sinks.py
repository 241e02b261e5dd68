"""Where records go: a SQLite file of their own, or a table of PostgreSQL's."""

import asyncio
import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import stamina
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from consumer_app.audit.chain import Anchor, Head, Link
from consumer_app.audit.errors import AuditUnavailable, Unrecordable, audit_errors
from consumer_app.audit.tables import ANCHORS, HEADS, LAST_CHAIN, MOST_CHAINS, RECORDS, schema
from consumer_app.storage.database import open_database, pragmas
from consumer_app.storage.files import keep_private

Result = TypeVar("Result")

_CACHE_BYTES = 2 * 1024 * 1024
_PATIENCE_SECONDS = 10.0
_SETTING_UP_SECONDS = 5.0
MOST_LINKS = 128
"""So many are appended at once."""
# Processes that make the tables at the same time take turns.
_MAKING = 0x6175646974


class ChainTaken(Exception):
    """Another process has begun a chain of that number."""


class Sink(Protocol):
    """Keeps links; all that is said of them raises AuditUnavailable where it can't be done."""

    async def open(self) -> None:
        """Make ready to append: the tables are there, and may be written to."""

    async def last_chain(self) -> int:
        """Return the number of the newest chain; 0 where there is none."""

    async def heads(self, after: int) -> Sequence[Head]:
        """Return the heads of the chains behind that number, in their order."""

    async def anchored(self, anchor: Anchor) -> Anchor:
        """Keep a chain's anchor where it has none; return the one that it has."""

    async def append(self, links: Sequence[Link]) -> None:
        """Keep up to MOST_LINKS links durably, all of them or none.

        Raises:
            ChainTaken: there is such a link already.
            Unrecordable: one of the records can't be kept; nothing was.

        """

    def free_bytes(self) -> int | None:
        """Return how much room its disk has left; None where that can't be told from here."""

    async def close(self) -> None:
        """Give up what is held open; it may be opened again."""


@cache
def _sqlite_insert(links: int) -> str:
    return f"INSERT INTO {RECORDS} VALUES {', '.join(['(?, ?, ?, ?)'] * links)}"  # noqa: S608


_ANCHOR = f"SELECT chain, number, code, seal FROM {ANCHORS} WHERE chain = "  # noqa: S608
_SQLITE_HEADS = HEADS.format(after="?")
_SQLITE_ANCHOR = f"{_ANCHOR} ?"
_SQLITE_NEW_ANCHOR = f"INSERT INTO {ANCHORS} VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608


def _is_busy(error: Exception) -> bool:
    return (
        isinstance(error, sqlite3.OperationalError)
        and error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    )


class SqliteSink:
    """A file of its own, which no writer of events keeps waiting; a thread of its own waits."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    async def open(self) -> None:
        await self._do("written", self._open)

    async def last_chain(self) -> int:
        return await self._do("read", self._last_chain)

    async def heads(self, after: int) -> Sequence[Head]:
        return await self._do("read", lambda: self._heads(after))

    async def anchored(self, anchor: Anchor) -> Anchor:
        return await self._do("written", lambda: self._anchored(anchor))

    async def append(self, links: Sequence[Link]) -> None:
        await self._do("written", lambda: self._append(links))

    def free_bytes(self) -> int | None:
        try:
            found = os.statvfs(self._file.parent)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    async def close(self) -> None:
        await self._do("closed", self._close)

    async def _do(self, what: str, work: Callable[[], Result]) -> Result:
        with audit_errors(what):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        self._close()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        keep_private(self._file)
        self._identity = _identity(self._file)
        connection = sqlite3.connect(
            self._file,
            isolation_level=None,
            check_same_thread=False,
            # One for each number of links.
            cached_statements=MOST_LINKS,
        )
        self._connection = connection
        self._set_up(connection)
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema("sqlite"):
            connection.execute(statement)
        # So that there is something to commit, for which the disk must have room.
        connection.execute("PRAGMA user_version = 1")
        connection.execute("COMMIT")

    @stamina.retry(on=_is_busy, attempts=None, timeout=_SETTING_UP_SECONDS, wait_max=0.5)
    def _set_up(self, connection: sqlite3.Connection) -> None:
        # Of two that make a file's log at once SQLite refuses one without any patience.
        for pragma in pragmas(_CACHE_BYTES):
            connection.execute(pragma)

    def _last_chain(self) -> int:
        number: int = self._opened().execute(LAST_CHAIN).fetchone()[0]
        return number

    def _heads(self, after: int) -> Sequence[Head]:
        return [Head(*row) for row in self._opened().execute(_SQLITE_HEADS, [after])]

    def _anchored(self, anchor: Anchor) -> Anchor:
        connection = self._opened()
        connection.execute(_SQLITE_NEW_ANCHOR, anchor)
        return Anchor(*connection.execute(_SQLITE_ANCHOR, [anchor.chain]).fetchone())

    def _append(self, links: Sequence[Link]) -> None:
        # All in one step, which commits by itself: this thread would wait for Python's lock behind
        # each, while the event loop answers.
        try:
            self._opened().execute(_sqlite_insert(len(links)), [*chain.from_iterable(links)])
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
                raise ChainTaken from None
            raise

    def _opened(self) -> sqlite3.Connection:
        # SQLite would go on writing to a file that is deleted, or has given its name to another.
        if self._connection is None or _identity(self._file) != self._identity:
            raise FileNotFoundError(f"{self._file} is gone, or is another file now")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _identity(file: Path) -> tuple[int, int]:
    found = os.stat(file)  # noqa: PTH116 - a Path takes three times as long, for each commit
    return found.st_dev, found.st_ino


_MAY_WRITE = f"""
    SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean,
    current_setting('synchronous_commit') <> 'off',
    to_regclass('{RECORDS}') IS NOT NULL AND to_regclass('{ANCHORS}') IS NOT NULL
"""
_ATTEMPT = f"INSERT INTO {RECORDS} (chain, number, record, code) VALUES (:chain, 1, '{{}}', '')"  # noqa: S608
_POSTGRES_HEADS = HEADS.format(after=":after")
_POSTGRES_ANCHOR = f"{_ANCHOR} :chain"
_POSTGRES_NEW_ANCHOR = f"""
    INSERT INTO {ANCHORS} (chain, number, code, seal) VALUES (:chain, :number, :code, :seal)
    ON CONFLICT DO NOTHING
"""  # noqa: S608
_POSTGRES_INSERT = f"""
    INSERT INTO {RECORDS} (chain, number, record, code)
    SELECT chain, number, record::json, code
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[])
    AS given(chain, number, record, code)
"""  # noqa: S608 - names of ours alone
_CAN_NOT_KEEP = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)


class PostgresSink:
    """A table, to which the service's own role may be allowed to add, and no more."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        self._connection: AsyncConnection | None = None
        """For appending alone: one that is held needs neither a check nor a reset each time."""

    async def open(self) -> None:
        with audit_errors("written"):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._engine.begin() as connection:
                can, waits, are_there = (await connection.execute(text(_MAY_WRITE))).one()
                if not can:
                    raise AuditUnavailable(
                        "the audit can't be written: its database is a standby, or can only be "
                        "read; name the primary in AUDIT_DATABASE_URL"
                    )
                if not waits:
                    raise AuditUnavailable(
                        "the audit can't be written durably: synchronous_commit is off, for its "
                        "role, its database or all; ALTER ROLE … SET synchronous_commit = on"
                    )
                if not are_there:
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MAKING})"))
                    for statement in schema("postgresql"):
                        await connection.execute(text(statement))
                attempt = await connection.begin_nested()
                # Whatever is stored, and who else attempts it: hardly ever the same chain.
                chain = 1 + secrets.randbelow(MOST_CHAINS - 1)
                await connection.execute(text(_ATTEMPT), {"chain": chain})
                await attempt.rollback()

    async def last_chain(self) -> int:
        with audit_errors("read"):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._engine.connect() as connection:
                return int(await connection.scalar(text(LAST_CHAIN)) or 0)

    async def heads(self, after: int) -> Sequence[Head]:
        with audit_errors("read"):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._engine.connect() as connection:
                rows = await connection.execute(text(_POSTGRES_HEADS), {"after": after})
                return [Head(*row) for row in rows]

    async def anchored(self, anchor: Anchor) -> Anchor:
        place = {"chain": anchor.chain}
        with audit_errors("written"):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._engine.begin() as connection:
                found = (await connection.execute(text(_POSTGRES_ANCHOR), place)).one_or_none()
                # Who may only add to the records must not even try.
                if found is None:
                    await connection.execute(text(_POSTGRES_NEW_ANCHOR), anchor._asdict())
                    found = (await connection.execute(text(_POSTGRES_ANCHOR), place)).one()
                return Anchor(*found)

    async def append(self, links: Sequence[Link]) -> None:
        columns = zip(*links, strict=True)
        with audit_errors("written"):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                driver = await self._driver()
                try:
                    # It commits by itself. PgBouncer changes the server behind the driver's sync
                    # alone, which it sends once all is done.
                    await driver.execute(_POSTGRES_INSERT, *columns)
                except asyncpg.UniqueViolationError:
                    raise ChainTaken from None
                except _CAN_NOT_KEEP as error:
                    # Without the error's text, which may repeat the record.
                    raise Unrecordable(
                        f"the audit's database can't keep a record: SQLSTATE {error.sqlstate}"
                    ) from None

    async def _driver(self) -> Any:  # noqa: ANN401 - asyncpg has no types
        """Return the driver's connection; a new one where the last has ended meanwhile."""
        if self._connection is not None:
            raw = await self._connection.get_raw_connection()
            driver: Any = raw.driver_connection
            if not driver.is_closed():
                return driver
            await self._let_go()
        self._connection = await self._engine.connect()
        return (await self._connection.get_raw_connection()).driver_connection

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()

    def free_bytes(self) -> int | None:
        return None

    async def close(self) -> None:
        with audit_errors("closed"):
            await self._let_go()
            await self._engine.dispose()
