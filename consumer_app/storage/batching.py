"""Batching: all who wait for the same thing are served by one trip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class _Batch(Generic[Item, Result]):
    items: list[Item] = field(default_factory=list)
    running: asyncio.Lock = field(default_factory=asyncio.Lock)
    results: list[Result] = field(default_factory=list)
    """The one result, once there is one."""


class Batcher(Generic[Item, Result]):
    """Collects items while batches are in work, and puts all of them into the next one.

    A lone item is taken at once; under load a batch holds what as many as wait have submitted. So
    a commit is a group commit, and a read answers several queries.
    """

    def __init__(
        self, run: Callable[[Sequence[Item]], Awaitable[Result]], *, at_once: int = 1
    ) -> None:
        """``at_once`` is the number of batches that may be in work side by side."""
        self._run = run
        self._collecting = _Batch[Item, Result]()
        self._turn = asyncio.Semaphore(at_once)

    async def submit(self, items: Sequence[Item]) -> Result:
        """Return the result of the batch that held the items.

        Raises what ``run`` raises; the others who wait for the same batch then try it themselves.
        """
        batch = self._collecting
        batch.items.extend(items)
        async with batch.running:
            if not batch.results:
                await self._run_in_turn(batch)
        return batch.results[0]

    async def _run_in_turn(self, batch: _Batch[Item, Result]) -> None:
        async with self._turn:
            if batch is self._collecting:
                self._collecting = _Batch()
            batch.results.append(await self._run(batch.items))
