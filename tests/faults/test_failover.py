"""PostgreSQL on two machines: when one is gone, the other has all that was acknowledged."""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from local.postgres import PrivatePostgres
from tests.faults.conftest import Record, over
from tests.faults.system import System
from tests.services import eventually
from tests.standby import Standby, ask, let_commits_wait, url_of_all


class Pair:
    """A primary, and a standby that has what is committed before a commit returns."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / str(number) for number in range(100))
        self.primary = PrivatePostgres(next(self._folders))
        self.primary.start()
        self.standby = Standby(next(self._folders), self.primary)
        self._follow()
        self.url = url_of_all(self.primary, self.standby)

    def fail_over(self) -> None:
        """Kill the primary, and let the standby take its place."""
        self.primary.kill()
        asyncio.run(ask(self.standby, "SELECT pg_promote()"))

    def stored(self) -> int:
        """Count the events that the one has that was promoted."""
        count = asyncio.run(ask(self.standby, "SELECT count(*) FROM event"))
        assert isinstance(count, int)
        return count

    def repair(self) -> None:
        """Let a new server follow the one that was promoted, where the one that was killed was."""
        killed, self.primary = self.primary, self.standby
        self.standby = Standby(next(self._folders), self.primary)
        self.standby.port = killed.port
        self._follow()

    def close(self) -> None:
        self.standby.kill()
        self.primary.kill()

    def _follow(self) -> None:
        self.standby.start()
        asyncio.run(let_commits_wait(self.primary))
        eventually(lambda: asyncio.run(ask(self.primary, _IS_WAITED_FOR)))
        # It returns once the standby has it, and with it all that was committed before.
        asyncio.run(ask(self.primary, "SELECT pg_logical_emit_message(true, 'test', '')"))


_IS_WAITED_FOR = "SELECT true FROM pg_stat_replication WHERE sync_state = 'sync'"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with TemporaryDirectory(prefix="medication-periods-pair-") as folder:
        # Whoever runs the servers must reach their folders.
        Path(folder).chmod(0o755)
        pair = Pair(Path(folder))
        yield pair
        pair.close()


@over("postgresql")
@pytest.mark.long
@pytest.mark.fault("PostgreSQL's primary killed (-9) under load, its synchronous standby promoted")
def test_a_primary_that_is_killed_under_load_and_followed_by_its_standby_loses_nothing(
    system: System, pair: Pair, chance: random.Random, full: bool, record: Record
) -> None:
    times = 3 if full else 1
    system.environment["DATABASE_URL"] = pair.url
    consumer = system.start_consumer()
    with system.traffic():
        for number in range(times):
            if number:
                pair.repair()
            time.sleep(chance.uniform(0.5, 2))
            pair.fail_over()
            # Nobody tells the consumer which of the two it is now.
            stored = pair.stored()
            eventually(lambda: pair.stored() > stored)  # noqa: B023 - called here

    record(times, system, consumer)
