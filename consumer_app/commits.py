"""Group commit: all who wait to store something share one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass
class _Batch(Generic[Row]):
    rows: list[Row] = field(default_factory=list)
    committed: bool = False


class GroupCommit(Generic[Row]):
    """Collects rows while a commit runs, and commits all of them with the next one.

    A lone row is committed at once; under load a commit is shared by as many as wait for it.
    """

    def __init__(self, commit: Callable[[Sequence[Row]], Awaitable[None]]) -> None:
        self._commit = commit
        self._collecting = _Batch[Row]()
        self._turn = asyncio.Lock()

    async def add(self, rows: Sequence[Row]) -> None:
        """Return once the rows are committed.

        Raises what ``commit`` raises; the others who wait for the same rows then try themselves.
        """
        batch = self._collecting
        batch.rows.extend(rows)
        async with self._turn:
            if batch.committed:
                return
            if batch is self._collecting:
                self._collecting = _Batch()
            await self._commit(batch.rows)
            batch.committed = True
