"""Writing: events are stored under the numbers of their runs, or are late."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage import runs
from consumer_app.storage.backend import Backend, Received, RunNumbers

logger = logging.getLogger(__name__)

_NO_RUN: RunNumbers = {None: 0}
_RUNS_KEPT = 1_000

_Brought = tuple[str, str]
"""The name of a run, and who brought something of it."""


class Writer:
    """Writes to a backend; keeps in mind which numbers runs have."""

    def __init__(self, engine: AsyncEngine, backend: Backend) -> None:
        self._engine = engine
        self._backend = backend
        self._numbers = dict(_NO_RUN)
        self._sources = set[_Brought]()
        """What is kept in mind of who brought what, as it is noted."""

    async def write(self, received: Sequence[Received]) -> None:
        """Store events durably; those of retracted runs are counted instead.

        Whatever is there already, of another try or another consumer, is durable then, too. Raises
        what ``database_errors`` knows; to write the same events again is safe.
        """
        late: Counter[str] = Counter()
        named = {each.run for each in received}
        brought = {(each.run, each.source) for each in received if each.run and each.source}
        is_noted = brought <= self._sources
        known = named & self._numbers.keys() if is_noted else set()
        numbers = {run: self._numbers[run] for run in known}
        # What is kept in mind may be over: then nothing is stored.
        while received and not (
            numbers.keys() == named and await self._backend.insert(received, numbers)
        ):
            numbers = await self._look_up(named, brought)
            for each in received:
                if each.run is not None and each.run not in numbers:
                    late[each.run] += each.size
            received = [each for each in received if each.run in numbers]
            named = set(numbers)
        if late:
            await self._count(late)
            # No event is stored by it: it makes the count durable, as the backend sees to.
            await self._backend.insert([], {})

    async def _look_up(
        self, named: Set[str | None], brought: Set[_Brought]
    ) -> dict[str | None, int]:
        """Return the numbers of runs, new ones too, but for those that are retracted.

        Who brought them is noted.
        """
        # In one order, as below, so that two who do it can't deadlock.
        names = sorted(run for run in named if run is not None)
        new = [{"name": name, "first_received_at": datetime.now(UTC)} for name in names]
        sources = [
            {"name": name, "source": source, "first_received_at": datetime.now(UTC)}
            for name, source in sorted(brought)
        ]
        async with self._engine.begin() as connection:
            await connection.execute(runs.NEW_RUN, new)
            if sources:
                await connection.execute(runs.NEW_SOURCE, sources)
            found = await connection.execute(runs.open_(names))
            numbers = {run.name: run.id for run in found}
        if len(self._numbers) > _RUNS_KEPT:
            self._numbers = dict(_NO_RUN)
        if len(self._sources) > _RUNS_KEPT:
            self._sources.clear()
        self._sources |= brought
        for name in names:
            self._numbers.pop(name, None)
        self._numbers |= numbers
        return {run: self._numbers[run] for run in named & self._numbers.keys()}

    async def _count(self, late: Mapping[str, int]) -> None:
        async with self._engine.begin() as connection:
            for run, events in sorted(late.items()):
                await connection.execute(runs.late_arrival(run, events))
        for run, events in late.items():
            logger.warning("%d events of run %s came after its retraction", events, run)
