"""What was recorded: read in order, looked up, verified, and removed when its time is over."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from consumer_app.audit.chain import Anchor, Codes, Head
from consumer_app.audit.errors import AuditUnavailable, UnusableAudit, audit_errors
from consumer_app.audit.records import Record, read_record
from consumer_app.audit.tables import ANCHORS, PATIENT, RECORDS, TIME
from consumer_app.audit.verification import Verification
from consumer_app.storage.database import open_database

_CONDITIONS = {
    "patient": f"{PATIENT} = :patient",
    "since": f"{TIME} >= :since",
    "until": f"{TIME} < :until",
}
# SQLAlchemy would read PostgreSQL's json, of which the text counts.
_RECORD = "CAST(record AS TEXT)"
_LINKS = f"SELECT chain, number, {_RECORD}, code FROM {RECORDS} ORDER BY chain, number"  # noqa: S608
# That of chain 0 tells the key, which each process has compared with its own.
_ANCHORS = f"SELECT chain, number, code, seal FROM {ANCHORS} WHERE chain <> 0"  # noqa: S608
_ANCHOR_OF = f"{_ANCHORS} AND chain = :chain"
_LINKS_OF = f"""
    SELECT chain, number, {_RECORD}, code FROM {RECORDS}
    WHERE chain = :chain AND number <= :number ORDER BY number
"""  # noqa: S608
# A clock may have been set back: only what is old from the chain's beginning on.
_OLD = f"""
    SELECT chain, min(number) AS first,
    coalesce(min(number) FILTER (WHERE {TIME} >= :before) - 1, max(number)) AS last
    FROM {RECORDS} GROUP BY chain ORDER BY chain
"""  # noqa: S608
_ANCHOR = f"""
    INSERT INTO {ANCHORS} (chain, number, code, seal) VALUES (:chain, :number, :code, :seal)
    ON CONFLICT (chain) DO UPDATE
    SET number = excluded.number, code = excluded.code, seal = excluded.seal
"""  # noqa: S608
_DELETE = f"DELETE FROM {RECORDS} WHERE chain = :chain AND number <= :number"  # noqa: S608
# On SQLite transactions that write take turns anyway.
_ALONE = f"LOCK TABLE {ANCHORS} IN SHARE ROW EXCLUSIVE MODE"
# Those who are to be answered wait for it.
_DELETED_AT_ONCE = 2_000


class _Old(NamedTuple):
    """Records of a chain whose time is over."""

    chain: int
    first: int
    last: int


class Archive:
    """The audit's database, as those see it who look at what is recorded."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    async def records(
        self, patient: str | None = None, since: str | None = None, until: str | None = None
    ) -> AsyncIterator[Record]:
        """Yield what is recorded of a patient, or of all, in [since, until), in its order.

        Times are as records have them.

        Raises:
            AuditUnavailable: it can't be read, or was changed to what is no record.

        """
        asked = {"patient": patient, "since": since, "until": until}
        given = {name: value for name, value in asked.items() if value is not None}
        where = " AND ".join(_CONDITIONS[name] for name in given) or "true"
        statement = f"""
            SELECT {_RECORD} FROM {RECORDS} WHERE {where} ORDER BY {TIME}, chain, number
        """  # noqa: S608
        async with self._reading() as connection:
            async for row in _rows(connection, statement, given):
                yield _read(row[0])

    async def verify(self, codes: Codes, seen: Iterable[Head]) -> Verification:
        """Verify all that is recorded, and that chains are as long as they were seen."""
        async with self._reading() as connection:
            anchors = [Anchor(*row) async for row in _rows(connection, _ANCHORS)]
            found = Verification(codes, anchors, seen)
            async for row in _rows(connection, _LINKS):
                found.add(row)
        found.end()
        return found

    async def count_before(self, time: str) -> int:
        """Count what ``purge`` would remove."""
        return sum(old.last - old.first + 1 for old in await self._old(time))

    async def purge(self, before: str, codes: Codes) -> int:
        """Remove what was recorded before a time; return how many records that were.

        Of each chain its end is kept, sealed, so that the rest can still be verified. What is
        removed is verified before: a seal would hide what is wrong with it. May be interrupted and
        repeated.

        Raises:
            UnusableAudit: something is wrong with it.
            AuditUnavailable: it can't be written now.

        """
        removed = 0
        for chain, first, last in await self._old(before):
            for start in range(first, last + 1, _DELETED_AT_ONCE):
                end = min(start + _DELETED_AT_ONCE - 1, last)
                with audit_errors("purged"):
                    async with self._engine.begin() as connection:
                        removed += await _remove(connection, chain, end, codes)
        return removed

    async def _old(self, before: str) -> list[_Old]:
        async with self._reading() as connection:
            found = [_Old(*row) async for row in _rows(connection, _OLD, {"before": before})]
        return [old for old in found if old.first <= old.last]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees all as it is at one time, and keeps nobody from writing."""
        with audit_errors("read"):
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                if self._engine.dialect.name == "postgresql":
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection


def _read(text: str) -> Record:
    try:
        return read_record(text)
    except msgspec.DecodeError:
        # Without the error's text, which may repeat what it is about.
        raise AuditUnavailable(
            "a record of the audit can't be read: `audit verify` tells which was changed"
        ) from None


async def _rows(
    connection: AsyncConnection, statement: str, values: Mapping[str, Any] | None = None
) -> AsyncIterator[Any]:
    async with connection.stream(text(statement), values or {}) as rows:
        async for row in rows:
            yield row


async def _remove(connection: AsyncConnection, chain: int, number: int, codes: Codes) -> int:
    """Remove what a chain has up to a number; return how many records that were."""
    place = {"chain": chain, "number": number}
    if connection.dialect.name == "postgresql":
        await connection.execute(text(_ALONE))
    anchors = [Anchor(*row) for row in await connection.execute(text(_ANCHOR_OF), {"chain": chain})]
    if any(anchor.number >= number for anchor in anchors):
        # Another one was quicker.
        return 0
    found = Verification(codes, anchors, after=chain - 1)
    for row in await connection.execute(text(_LINKS_OF), place):
        found.add(row)
    found.end_at(chain, number)
    if found.problems:
        raise UnusableAudit(f"what is not whole is not purged: {'; '.join(found.problems)}")
    await connection.execute(text(_ANCHOR), codes.anchor(found.head)._asdict())
    return (await connection.execute(text(_DELETE), place)).rowcount
