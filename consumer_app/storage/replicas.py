"""Replicas of PostgreSQL: how far one has come."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

# Each may be asked by every user. What was received may be less than what was replayed: behind a
# restart it is counted from the beginning of a file of the log.
_REPLICATION = text("""
    SELECT clock_timestamp() AS now,
    EXISTS (SELECT FROM pg_stat_wal_receiver) AS is_connected,
    greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0' AS received,
    pg_last_wal_replay_lsn() - '0/0' AS replayed,
    pg_last_xact_replay_timestamp() AS last_commit
    WHERE pg_is_in_recovery()
""")


class Replication(NamedTuple):
    """How far a replica has come, at one time."""

    now: datetime
    is_connected: bool
    """Whether it receives from its primary, as far as it knows."""
    received: int
    """Where in the primary's log it has received what was written before, in bytes."""
    replayed: int
    """The same of what it has replayed, so that it is read."""
    last_commit: datetime | None
    """When the newest transaction that it has replayed was committed; None since its start."""


async def replication(engine: AsyncEngine) -> Replication | None:
    """Ask a database how far it has come as a replica; return None where it is none."""
    if engine.dialect.name != "postgresql":
        return None
    async with engine.connect() as connection:
        found = (await connection.execute(_REPLICATION)).one_or_none()
    return None if found is None else Replication(*found)
