"""Batches: who submits while one is in work is served by the next."""

import asyncio
from collections.abc import Sequence

import pytest

from runtime.batching import Batcher


class Work:
    """Batches that are in work until they are let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.fails: int | None = None

    async def run(self, items: Sequence[int]) -> int:
        self.batches.append(list(items))
        await self.go_on.wait()
        if len(self.batches) == self.fails:
            raise OSError("away")
        return sum(items)


@pytest.fixture
def work() -> Work:
    return Work()


async def started(batcher: Batcher[int, int], *items: int) -> "asyncio.Task[int]":
    task = asyncio.create_task(batcher.submit(items, weight=len(items)))
    await asyncio.sleep(0)
    return task


async def test_a_lone_item_is_taken_at_once(work: Work) -> None:
    work.go_on.set()
    assert await Batcher(work.run).submit([1, 2]) == 3


async def test_all_who_wait_for_a_batch_share_the_next(work: Work) -> None:
    batcher = Batcher(work.run)
    tasks = [await started(batcher, item) for item in (1, 2, 3)]
    work.go_on.set()
    assert await asyncio.gather(*tasks) == [1, 5, 5]
    assert work.batches == [[1], [2, 3]]


async def test_a_batch_that_fails_fails_for_one_and_is_run_again_for_the_others(
    work: Work,
) -> None:
    batcher = Batcher(work.run)
    work.fails = 2
    tasks = [await started(batcher, item) for item in (1, 2, 3)]
    work.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(each) for each in found] == ["1", "away", "5"]
    assert work.batches == [[1], [2, 3], [2, 3]]


async def test_one_who_leaves_does_not_take_the_others_along(work: Work) -> None:
    batcher = Batcher(work.run)
    tasks = [await started(batcher, item) for item in (1, 2, 3)]
    tasks[0].cancel()
    tasks[1].cancel()
    work.go_on.set()
    assert await tasks[2] == 5


async def test_a_batch_that_is_full_leaves_the_rest_to_the_next(work: Work) -> None:
    batcher = Batcher(work.run, most=5)
    tasks = [await started(batcher, *items) for items in ((1,), (2, 3), (4, 5), (6, 7), (8,))]
    work.go_on.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[1], [2, 3, 4, 5], [6, 7, 8]]


async def test_what_is_more_than_a_batch_alone_goes_alone(work: Work) -> None:
    batcher = Batcher(work.run, most=2)
    tasks = [await started(batcher, *items) for items in ((1,), (2,), (3, 4, 5), (6,))]
    work.go_on.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[1], [2], [3, 4, 5], [6]]


async def test_a_full_batch_goes_on_without_who_leaves_it_and_before_those_behind(
    work: Work,
) -> None:
    batcher = Batcher(work.run, most=2)
    tasks = [await started(batcher, item) for item in (1, 2, 3, 4)]
    tasks[1].cancel()
    work.go_on.set()
    assert await asyncio.gather(tasks[0], *tasks[2:]) == [1, 5, 4]
    assert work.batches == [[1], [2, 3], [4]]


async def test_a_full_batch_that_fails_is_run_again_for_the_others_behind_the_next(
    work: Work,
) -> None:
    batcher = Batcher(work.run, most=2)
    work.fails = 2
    tasks = [await started(batcher, item) for item in (1, 2, 3, 4)]
    work.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(each) for each in found] == ["1", "away", "5", "4"]
    assert sorted(work.batches) == [[1], [2, 3], [2, 3], [4]]
