"""Batching: all who wait for the same thing are served by one trip."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class _Batch(Generic[Item, Result]):
    items: list[Item] = field(default_factory=list)
    weight: float = 0
    results: list[Result] = field(default_factory=list)
    """The one result, once there is one."""


class Batcher(Generic[Item, Result]):
    """Collects items while a batch is in work, and puts all of them into the next one.

    A lone item is taken at once; under load a batch holds what as many as wait have submitted. So
    a commit is a group commit, and a read answers several queries.
    """

    def __init__(
        self, run: Callable[[Sequence[Item]], Awaitable[Result]], most: float = math.inf
    ) -> None:
        """``most`` bounds the weight of a batch that holds more than what one has submitted."""
        self._run = run
        self._most = most
        self._collecting = _Batch[Item, Result]()
        self._turn = asyncio.Lock()

    async def submit(self, items: Sequence[Item], weight: float = 1) -> Result:
        """Return the result of the batch that held the items.

        Raises what ``run`` raises; the others who wait for the same batch then try it themselves.
        """
        batch = self._collecting
        if batch.items and batch.weight + weight > self._most:
            # It is full, and stays in the line where its first items stand.
            batch = self._collecting = _Batch()
        batch.items.extend(items)
        batch.weight += weight
        # All wait in one line: the next batch begins behind those of this one, who may bring more.
        async with self._turn:
            if not batch.results:
                if batch is self._collecting:
                    self._collecting = _Batch()
                batch.results.append(await self._run(batch.items))
        return batch.results[0]
