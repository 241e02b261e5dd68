"""An issuer's keys: fetched beside the loop, and kept while the issuer is away."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from runtime.access.callers import IssuerUnavailable
from runtime.access.issuer import NotFetched
from runtime.access.key_set import KeySet

logger = logging.getLogger(__name__)


class Pace(NamedTuple):
    """How often keys are fetched, in seconds."""

    interval: float = 300.0
    """From one time to the next while all is well."""
    cooldown: float = 10.0
    """From one time to the next at the least, whoever asks."""
    patience: float = 5.0
    """So long a request waits for it."""


_PACE = Pace()


class IssuerKeys:
    """Fetches the keys again and again; those that were had last stay while none can be had."""

    def __init__(
        self,
        fetch: Callable[[], KeySet],
        pace: Pace = _PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``fetch`` blocks, and is called in a thread; it raises NotFetched."""
        self.held: KeySet | None = None
        self._fetch = fetch
        self._pace = pace
        self._clock = clock
        self._fetching: asyncio.Task[None] | None = None
        self._not_before = -math.inf
        self._problem: str | None = None

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Fetch them at once, and at an interval, as long as the context lasts."""
        keeping = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            tasks = [task for task in (keeping, self._fetching) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def current(self) -> KeySet:
        """Return the keys that are held.

        Raises:
            IssuerUnavailable: there are none, as they could not be had yet.

        """
        if self.held is None:
            await self.renew()
        if self.held is None:
            seconds = math.ceil(max(1, self._not_before - self._clock()))
            raise IssuerUnavailable("the issuer's keys can't be had now", seconds)
        return self.held

    async def renew(self) -> None:
        """Fetch them, unless they were just fetched; all who ask meanwhile wait for the same."""
        if self._fetching is None and self._clock() >= self._not_before:
            self._fetching = asyncio.create_task(self._renew())
        if self._fetching is not None:
            await asyncio.wait([self._fetching], timeout=self._pace.patience)

    async def _renew(self) -> None:
        try:
            self.held = await asyncio.to_thread(self._fetch)
            self._tell(None)
        except NotFetched as error:
            self._tell(str(error))
        finally:
            self._not_before = self._clock() + self._pace.cooldown
            self._fetching = None

    async def _keep_fresh(self) -> None:
        while True:
            await self.renew()
            is_well = self.held is not None and self._problem is None
            await asyncio.sleep(self._pace.interval if is_well else self._pace.cooldown)

    def _tell(self, problem: str | None) -> None:
        """Log what has changed: an issuer that stays away is told of once."""
        if problem is not None and problem != self._problem:
            until_then = "those had before are used on" if self.held else "its tokens are not taken"
            logger.warning("the issuer's keys can't be had, %s: %s", until_then, problem)
        elif problem is None and (self._problem or self._not_before == -math.inf):
            logger.info("the issuer's keys can be had: %d are of use", len(self.held or ()))
        self._problem = problem
