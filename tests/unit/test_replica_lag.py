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
    written: int | None = 0,
    replayed: int = 0,
    is_connected: bool = True,
    server: str = "a",
) -> Replication:
    """Describe a replica some seconds after noon, its newest commit as many after it."""
    return Replication(
        server=server,
        now=NOON + timedelta(seconds=second),
        is_connected=is_connected,
        is_told=True,
        written=written if is_connected else None,
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


def lacks(seconds: int) -> str:
    return f"the replica may lack what was stored in the last {seconds} s"


async def test_no_replica_is_not_behind() -> None:
    assert await told([None]) is None


async def test_an_idle_primary_is_no_lag() -> None:
    assert await told([at(3_600, committed=0)], most_seconds=10) is None


async def test_what_an_idle_primary_writes_at_last_is_no_lag_of_hours() -> None:
    found = [at(3_600, committed=0), at(3_605, committed=0, written=1)]
    assert await told(found, most_seconds=10) == lacks(5)


async def test_a_replica_that_replays_is_as_far_behind_as_the_last_commit_that_it_has() -> None:
    found = [at(0, committed=0), at(60, committed=53, written=1)]
    assert await told(found) == lacks(7)


async def test_a_primary_that_commits_seldom_is_no_lag() -> None:
    found = [
        at(60, committed=0, written=10, replayed=9),
        at(65, committed=0, written=20, replayed=19),
        at(70, committed=0, written=30, replayed=29),
    ]
    assert await told(found[:1]) == lacks(60)
    assert await told(found) == lacks(5)
    stuck = at(90, committed=0, written=40, replayed=29)
    assert await told([*found, stuck]) == lacks(25)


async def test_a_replica_that_catches_up_is_behind_though_it_has_replayed_all_it_received() -> None:
    found = [
        at(7_200, committed=0, written=1_000, replayed=10),
        at(7_205, committed=600, written=1_005, replayed=100),
        at(7_210, committed=6_000, written=1_010, replayed=900),
        at(7_215, committed=7_214, written=1_015, replayed=1_015),
    ]
    said = [await told(found[: count + 1], most_seconds=60) for count in range(len(found))]
    allowed = "CONSUMER_MAX_LAG allows 60 s"
    assert said == [*(f"{lacks(seconds)}: {allowed}" for seconds in (7_200, 6_605, 1_210)), None]


async def test_where_the_primarys_log_ends_may_not_be_known_yet() -> None:
    found = [at(60, committed=0, written=None), at(65, committed=0, written=0)]
    assert await told(found[:1]) == lacks(60)
    assert await told(found) is None


async def test_replicas_that_are_asked_in_turn_are_told_apart() -> None:
    whole, behind = at(3_600, committed=0), at(3_601, committed=0, written=5, server="b")
    again = at(3_602, committed=0, written=5)
    assert await told([whole, behind]) == lacks(3_601)
    assert await told([whole, behind, again]) == lacks(2)


@pytest.mark.parametrize(("most_seconds", "is_wrong"), [(None, False), (60, True)])
async def test_a_role_that_may_not_see_it_is_told_what_it_needs(
    most_seconds: float | None, is_wrong: bool
) -> None:
    found = at(60, committed=60, written=None)._replace(is_told=False)
    said = await told([found], most_seconds)
    assert "its role in PostgreSQL needs GRANT pg_read_all_stats" in (said or "")
    assert isinstance(said, Remark) is not is_wrong
    lost = await told([found._replace(is_connected=False)], most_seconds)
    assert "is not connected to its primary" in (lost or "")


async def test_less_than_a_second_is_not_worth_a_word() -> None:
    assert await told([at(60, committed=59.5, written=1)]) is None


async def test_a_replica_that_lost_its_primary_is_told_of_though_it_has_nothing_to_replay() -> None:
    found = [at(60, committed=0), at(90, committed=0, is_connected=False)]
    said = (
        "the replica is not connected to its primary, and may lack what was stored in the last {} s"
    )
    assert await told(found) == said.format(30)
    assert await told(found[1:]) == said.format(90), "it may have lost it at once"


async def test_a_replica_that_has_replayed_nothing_is_behind_by_nobody_knows_what() -> None:
    found = [at(60, committed=None, is_connected=False)]
    assert "may lack what was stored for an unknown time" in (await told(found) or "")
    assert not isinstance(await told(found, most_seconds=1_000), Remark)


@pytest.mark.parametrize(
    ("most_seconds", "is_wrong"), [(None, False), (60, False), (30, False), (29, True)]
)
async def test_lag_is_wrong_where_it_is_more_than_is_allowed(
    most_seconds: float | None, is_wrong: bool
) -> None:
    said = await told([at(60, committed=30, written=1)], most_seconds)
    assert said is not None
    assert isinstance(said, Remark) is not is_wrong
    assert ("CONSUMER_MAX_LAG allows 29 s" in said) is is_wrong


async def test_clocks_that_differ_make_no_negative_lag() -> None:
    found = [at(0, committed=5, written=1, is_connected=False)]
    assert "in the last 0 s" in (await told(found) or "")


async def test_a_database_that_is_away_is_told_of_elsewhere() -> None:
    async def ask() -> Replication | None:
        raise DatabaseUnavailable("away")

    assert await ReplicaLag(ask, most_seconds=1).problem() is None
