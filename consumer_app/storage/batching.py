"""Shared trips: all who wait for the same thing are served by one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class _Trip(Generic[Item, Result]):
    items: list[Item] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    """The one result, once there is one."""


class SharedTrips(Generic[Item, Result]):
    """Collects items while a trip is under way, and takes all of them on the next one.

    A lone item leaves at once; under load a trip is shared by as many as wait for it. So a commit
    is a group commit, and a read answers several queries.
    """

    def __init__(self, travel: Callable[[Sequence[Item]], Awaitable[Result]]) -> None:
        self._travel = travel
        self._collecting = _Trip[Item, Result]()
        self._turn = asyncio.Lock()

    async def take(self, items: Sequence[Item]) -> Result:
        """Return what the trip that took the items came back with.

        Raises what ``travel`` raises; the others who wait for the same trip then try themselves.
        """
        trip = self._collecting
        trip.items.extend(items)
        async with self._turn:
            if not trip.results:
                if trip is self._collecting:
                    self._collecting = _Trip()
                trip.results.append(await self._travel(trip.items))
        return trip.results[0]
