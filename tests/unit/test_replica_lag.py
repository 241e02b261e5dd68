"""How far a replica is behind, told from what PostgreSQL knows of it at one time after another."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from consumer_app.replica_lag import ReplicaLag
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.replicas import Replication
from runtime.http.health import Remark

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(
    second: float,
    *,
    committed: float | None,
    received: int = 0,
    replayed: int = 0,
    is_connected: bool = True,
) -> Replication:
    """Describe a replica some seconds after noon, its newest commit as many after it."""
    return Replication(
        now=NOON + timedelta(seconds=second),
        is_connected=is_connected,
        received=received,
        replayed=replayed,
        last_commit=None if committed is None else NOON + timedelta(seconds=committed),
    )


async def told(
    found: Sequence[Replication | None], most_seconds: float | None = None
) -> str | None:
    """Return what is said at the last of some looks."""
    looks = iter(found)

    async def ask() -> Replication | None:
        return next(looks)

    lag = ReplicaLag(ask, most_seconds)
    for _ in found[1:]:
        await lag.problem()
    return await lag.problem()


async def test_no_replica_is_not_behind() -> None:
    assert await told([None]) is None


async def test_an_idle_primary_is_no_lag() -> None:
    assert await told([at(3_600, committed=0)], most_seconds=10) is None


async def test_what_an_idle_primary_writes_at_last_is_no_lag_of_hours() -> None:
    found = [at(3_600, committed=0), at(3_605, committed=0, received=1)]
    assert await told(found, most_seconds=10) == "the replica is behind by up to 5 s"


async def test_a_replica_that_replays_is_as_far_behind_as_the_last_commit_that_it_has() -> None:
    found = [at(0, committed=0), at(60, committed=53, received=1)]
    assert await told(found) == "the replica is behind by up to 7 s"


async def test_a_primary_that_commits_seldom_is_no_lag() -> None:
    found = [
        at(60, committed=0, received=10, replayed=9),
        at(65, committed=0, received=20, replayed=19),
        at(70, committed=0, received=30, replayed=29),
    ]
    assert await told(found[:1]) == "the replica is behind by up to 60 s"
    assert await told(found) == "the replica is behind by up to 5 s"
    stuck = at(90, committed=0, received=40, replayed=29)
    assert await told([*found, stuck]) == "the replica is behind by up to 25 s"


async def test_less_than_a_second_is_not_worth_a_word() -> None:
    assert await told([at(60, committed=59.5, received=1)]) is None


async def test_a_replica_that_lost_its_primary_is_told_of_though_it_has_nothing_to_replay() -> None:
    found = [at(60, committed=0), at(90, committed=0, is_connected=False)]
    said = "the replica is not connected to its primary, and behind by up to 30 s"
    assert await told(found) == said
    assert await told(found[1:]) == said.replace("30", "90"), "it may have lost it at once"


async def test_a_replica_that_has_replayed_nothing_is_behind_by_nobody_knows_what() -> None:
    found = [at(60, committed=None, is_connected=False)]
    assert "behind by an unknown time" in (await told(found) or "")
    assert not isinstance(await told(found, most_seconds=1_000), Remark)


@pytest.mark.parametrize(
    ("most_seconds", "is_wrong"), [(None, False), (60, False), (30, False), (29, True)]
)
async def test_lag_is_wrong_where_it_is_more_than_is_allowed(
    most_seconds: float | None, is_wrong: bool
) -> None:
    said = await told([at(60, committed=30, received=1)], most_seconds)
    assert said is not None
    assert isinstance(said, Remark) is not is_wrong
    assert ("CONSUMER_MAX_LAG allows 29 s" in said) is is_wrong


async def test_clocks_that_differ_make_no_negative_lag() -> None:
    found = [at(0, committed=5, received=1, is_connected=False)]
    assert "by up to 0 s" in (await told(found) or "")


async def test_a_database_that_is_away_is_told_of_elsewhere() -> None:
    async def ask() -> Replication | None:
        raise DatabaseUnavailable("away")

    assert await ReplicaLag(ask, most_seconds=1).problem() is None
