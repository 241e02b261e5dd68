"""PostgreSQL on two machines: when one is gone, the other has all that was acknowledged."""

import asyncio
import os
import random
import signal
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
        self.standby = Standby(next(self._folders), self.primary)
        self.url = url_of_all(self.primary, self.standby)

    def start(self) -> None:
        """Start both."""
        self.primary.start()
        self._follow()

    def fail_over(self) -> None:
        """Kill the primary while commits wait for the standby, which then takes its place.

        It lacks them: what receives stands still before. Who waits is told once not to, as by an
        operator who has lost patience, and must not take that for good.
        """
        receiver = asyncio.run(ask(self.standby, "SELECT pid FROM pg_stat_wal_receiver"))
        assert isinstance(receiver, int)
        os.kill(receiver, signal.SIGSTOP)
        eventually(self._waiting)
        cancelled = self._waiting()
        asyncio.run(ask(self.primary, f"SELECT bool_or(pg_cancel_backend(pid)) {_WAITS}"))
        eventually(lambda: self._waiting() - cancelled)
        self.primary.kill()
        # It ends before it reads what it has been sent meanwhile.
        os.kill(receiver, signal.SIGTERM)
        os.kill(receiver, signal.SIGCONT)
        asyncio.run(ask(self.standby, "SELECT pg_promote()"))

    def _waiting(self) -> set[str]:
        """Name the statements that have been executed, and wait for the standby."""
        found = asyncio.run(
            ask(self.primary, f"SELECT array_agg(pid || ' ' || query_start) {_WAITS}")
        )
        assert found is None or isinstance(found, list)
        return set(found or ())

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


_WAITS = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_IS_WAITED_FOR = "SELECT true FROM pg_stat_replication WHERE sync_state = 'sync'"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with TemporaryDirectory(prefix="medication-periods-pair-") as folder:
        # Whoever runs the servers must reach their folders.
        Path(folder).chmod(0o755)
        pair = Pair(Path(folder))
        try:
            pair.start()
            yield pair
        finally:
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
