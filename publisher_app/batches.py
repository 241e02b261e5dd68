"""Batches: what is at hand in parts, and a blocking iterator beside the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")

_LONGEST_WAIT_SECONDS = 0.1


async def in_batches(items: Sequence[Item], size: int) -> AsyncGenerator[list[Item], None]:
    """Part what is at hand into groups of ``size``; as if it were read, like the one below."""
    for at in range(0, len(items), size):
        yield list(items[at : at + size])


async def read_in_batches(items: Iterator[Item], size: int) -> AsyncGenerator[list[Item], None]:
    """Group items by ``size``; those that have waited for a moment leave in a smaller group.

    So a file goes out in full messages, and a trickle on standard input without delay.
    """
    reading = _Reading(items, size)
    try:
        while await reading.goes_on():
            if batch := reading.take():
                yield batch
    finally:
        reading.leave()
    if reading.error is not None:
        raise reading.error


class _Reading(Generic[Item]):
    """A daemon thread that reads on while a batch is handled; it does not keep a process alive."""

    def __init__(self, items: Iterator[Item], size: int) -> None:
        self._items = items
        self._size = size
        self._waiting: list[Item] = []
        self._ended = False
        self._left = False
        self._taken = threading.Event()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.error: Exception | None = None
        threading.Thread(target=self._read, daemon=True).start()

    async def goes_on(self) -> bool:
        """Wait until a batch is full, or for a moment; say whether there may be more to take."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                while len(self._waiting) < self._size and not self._ended:
                    self._changed.clear()
                    await self._changed.wait()
        return bool(self._waiting) or not self._ended

    def take(self) -> list[Item]:
        """Take a batch, or what there is of it."""
        batch = self._waiting[: self._size]
        del self._waiting[: len(batch)]
        self._taken.set()
        return batch

    def leave(self) -> None:
        """Let the thread end, once the iterator lets it."""
        self._left = True
        self._taken.set()

    def _read(self) -> None:
        try:
            while self._read_batch():
                self._tell()
                self._let_take()
        except Exception as error:  # noqa: BLE001 - it is raised behind what was read before it
            self.error = error
        self._ended = True
        self._tell()

    def _read_batch(self) -> bool:
        count = 0
        for item in islice(self._items, self._size):
            self._waiting.append(item)
            count += 1
        return count == self._size and not self._left

    def _let_take(self) -> None:
        """Wait while a whole batch lies ready."""
        while len(self._waiting) > self._size and not self._left:
            self._taken.wait()
            self._taken.clear()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._changed.set)
