"""Replicas of PostgreSQL: how far one has come."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

# What a replica has received says nothing of what it lacks: one that catches up has replayed all
# of it, hours behind. Where the primary's log ends comes with what is received, and is seen by
# those who may read statistics alone. The others are no further than that, and count where it has
# not come yet: so is what was received behind a restart less than what was replayed.
_REPLICATION = text("""
    SELECT
    concat_ws(' ', inet_server_addr(), inet_server_port(), pg_postmaster_start_time()) AS server,
    clock_timestamp() AS now,
    EXISTS (SELECT FROM pg_stat_wal_receiver) AS is_connected,
    pg_has_role('pg_read_all_stats', 'USAGE') AS is_told,
    (
        SELECT greatest(latest_end_lsn, pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
        FROM pg_stat_wal_receiver WHERE latest_end_lsn IS NOT NULL
    ) - '0/0' AS written,
    pg_last_wal_replay_lsn() - '0/0' AS replayed,
    pg_last_xact_replay_timestamp() AS last_commit
    WHERE pg_is_in_recovery()
""")


class Replication(NamedTuple):
    """How far a replica has come, at one time."""

    server: str
    """Which replica it is, since its last start: a URL may lead to several."""
    now: datetime
    is_connected: bool
    """Whether it receives from its primary, as far as it knows."""
    is_told: bool
    """Whether it tells us where the primary's log ends."""
    written: int | None
    """Where the primary's log ended when it was last heard of, in bytes; None if that is not known,
    as while it is not connected."""
    replayed: int
    """Up to where it has replayed that log, so that it is read."""
    last_commit: datetime | None
    """When the newest transaction that it has replayed was committed, by the primary's clock; None
    if it has replayed none since its start."""


async def replication(engine: AsyncEngine) -> Replication | None:
    """Ask a database how far it has come as a replica; return None where it is none."""
    if engine.dialect.name != "postgresql":
        return None
    async with engine.connect() as connection:
        found = (await connection.execute(_REPLICATION)).one_or_none()
    return None if found is None else Replication(*found)
