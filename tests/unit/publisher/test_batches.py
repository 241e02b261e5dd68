"""A blocking iterator in batches: full ones from a file, and a trickle without delay."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from publisher_app.batches import read_in_batches

LONG_ENOUGH = 10.0


@pytest.mark.parametrize(
    ("count", "size", "lengths"),
    [(0, 3, []), (1, 3, [1]), (3, 3, [3]), (7, 3, [3, 3, 1]), (3, 1, [1, 1, 1])],
)
async def test_a_file_goes_out_in_full_batches(count: int, size: int, lengths: list[int]) -> None:
    batches = [batch async for batch in read_in_batches(iter(range(count)), size)]
    assert [len(batch) for batch in batches] == lengths
    assert [item for batch in batches for item in batch] == list(range(count))


async def test_a_trickle_does_not_wait_for_a_full_batch() -> None:
    more = threading.Event()

    def trickle() -> Iterator[str]:
        yield "first"
        assert more.wait(LONG_ENOUGH)
        yield "second"

    batches = read_in_batches(trickle(), 1_000)
    async with asyncio.timeout(LONG_ENOUGH / 2):
        assert await anext(batches) == ["first"]
    more.set()
    assert [batch async for batch in batches] == [["second"]]


async def handle(ready: threading.Event) -> None:
    """Take as long over a batch as the reading thread needs to go on without us."""
    await asyncio.to_thread(ready.wait, 0.5)
    await asyncio.sleep(0.05)


async def test_what_comes_last_while_a_batch_is_handled_is_not_lost() -> None:
    handling, ended = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 1
        assert handling.wait(LONG_ENOUGH)
        yield 2
        ended.set()

    seen = []
    async for batch in read_in_batches(source(), 3):
        seen += batch
        handling.set()
        await handle(ended)
    assert seen == [1, 2]


async def test_no_batch_is_longer_than_the_size_after_a_pause() -> None:
    handling, filled = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 0
        assert handling.wait(LONG_ENOUGH)
        yield from (1, 2)
        filled.set()
        yield from range(3, 8)

    batches = []
    async for batch in read_in_batches(source(), 4):
        batches.append(batch)
        handling.set()
        await handle(filled)
    assert [item for batch in batches for item in batch] == list(range(8))
    assert max(len(batch) for batch in batches) <= 4


async def test_the_loop_runs_on_while_the_iterator_blocks() -> None:
    blocked, release = threading.Event(), threading.Event()

    def blocking() -> Iterator[int]:
        blocked.set()
        assert release.wait(LONG_ENOUGH)
        yield 1

    async def work_on() -> None:
        await asyncio.to_thread(blocked.wait, LONG_ENOUGH)
        release.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work_on())
        assert [batch async for batch in read_in_batches(blocking(), 10)] == [[1]]


async def test_what_was_read_before_the_reader_failed_comes_first_and_then_its_exception() -> None:
    def failing() -> Iterator[int]:
        yield from range(5)
        raise LookupError("broken behind 5")

    seen: list[int] = []

    async def collect() -> None:
        async for batch in read_in_batches(failing(), 3):
            seen.extend(batch)

    with pytest.raises(LookupError, match="broken behind 5"):
        await collect()
    assert seen == [0, 1, 2, 3, 4]


async def test_leaving_does_not_wait_for_a_reader_that_blocks() -> None:
    release = threading.Event()

    def blocking() -> Iterator[int]:
        yield 1
        release.wait(LONG_ENOUGH)

    batches = read_in_batches(blocking(), 10)
    assert await anext(batches) == [1]
    started = time.monotonic()
    await batches.aclose()
    assert time.monotonic() - started < LONG_ENOUGH / 2
    release.set()
