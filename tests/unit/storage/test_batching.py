"""Shared trips: who waits while one is under way leaves with the next."""

import asyncio
from collections.abc import Sequence

import pytest

from consumer_app.storage.batching import Batcher


class Trips:
    """Trips that take until they are let go."""

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.fails: int | None = None

    async def travel(self, items: Sequence[int]) -> int:
        self.taken.append(list(items))
        await self.go_on.wait()
        if len(self.taken) == self.fails:
            raise OSError("away")
        return sum(items)


@pytest.fixture
def trips() -> Trips:
    return Trips()


async def started(shared: Batcher[int, int], *items: int) -> "asyncio.Task[int]":
    task = asyncio.create_task(shared.submit(items))
    await asyncio.sleep(0)
    return task


async def test_a_lone_item_leaves_at_once(trips: Trips) -> None:
    trips.go_on.set()
    assert await Batcher(trips.travel).submit([1, 2]) == 3


async def test_all_who_wait_for_a_trip_share_the_next(trips: Trips) -> None:
    shared = Batcher(trips.travel)
    tasks = [await started(shared, item) for item in (1, 2, 3)]
    trips.go_on.set()
    assert await asyncio.gather(*tasks) == [1, 5, 5]
    assert trips.taken == [[1], [2, 3]]


async def test_a_trip_that_fails_fails_for_one_and_is_made_again_for_the_others(
    trips: Trips,
) -> None:
    shared = Batcher(trips.travel)
    trips.fails = 2
    tasks = [await started(shared, item) for item in (1, 2, 3)]
    trips.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(each) for each in found] == ["1", "away", "5"]
    assert trips.taken == [[1], [2, 3], [2, 3]]


async def test_one_who_leaves_does_not_take_the_others_along(trips: Trips) -> None:
    shared = Batcher(trips.travel)
    tasks = [await started(shared, item) for item in (1, 2, 3)]
    tasks[0].cancel()
    tasks[1].cancel()
    trips.go_on.set()
    assert await tasks[2] == 5
