"""What the fault tests break: `FAULTS=full` breaks it more often, `FAULTS_SEED` tells when,
`FAULTS_DATABASES` over which databases: in full over all.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from contracts.topology import DEAD_LETTER_QUEUE
from local.broker import PrivateBroker
from tests.databases import KINDS, Database, PostgresDatabase, SqliteFile
from tests.faults.reports import Reports
from tests.faults.system import System, delete_queues, waiting
from tests.services import ServiceProcess

FULL = os.environ.get("FAULTS") == "full"
_DATABASES = os.environ.get("FAULTS_DATABASES", " ".join(KINDS if FULL else KINDS[:1]))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a test that `make faults` would not run."""
    if item.get_closest_marker("fault") is None:
        raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.fault says what it breaks")


def over(first: str, *others: str) -> pytest.MarkDecorator:
    """Run a test over the first database in any case, and over all in `make faults`."""
    further = [pytest.param(each, marks=pytest.mark.long) for each in others]
    return pytest.mark.parametrize("database", [first, *further], indirect=True)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether each fault is to happen as often as `make faults` has it."""
    return FULL


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> int:
    chosen = int(os.environ.get("FAULTS_SEED", "1"))
    record_property("seed", chosen)
    return chosen


@pytest.fixture
def chance(seed: int) -> random.Random:
    """When and how to break things."""
    return random.Random(seed)


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    broker = PrivateBroker(tmp_path_factory.mktemp("broker"), plugins=["rabbitmq_prometheus"])
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def broker(shared_broker: PrivateBroker) -> Iterator[PrivateBroker]:
    yield shared_broker
    delete_queues(shared_broker)


@pytest.fixture(params=_DATABASES.split())
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return SqliteFile(tmp_path)
    return PostgresDatabase(request.getfixturevalue("postgres"))


@pytest.fixture
def system(
    broker: PrivateBroker, database: Database, tmp_path: Path, seed: int
) -> Iterator[System]:
    made = System(broker, database, tmp_path, Reports(seed))
    yield made
    made.close()


class Record(Protocol):
    def __call__(
        self, times: int, system: System, consumer: ServiceProcess, dead_letters: int = 0
    ) -> None: ...


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    """Judge a system at the end of a test, and keep the figures for the table."""

    def judge(times: int, system: System, consumer: ServiceProcess, dead_letters: int = 0) -> None:
        lost, doubled = system.judge(consumer)
        for name, value in {
            "times": times,
            "events": len(system.reports.distinct),
            "lost": lost,
            "doubled": doubled,
        }.items():
            record_property(name, value)
        assert (lost, doubled) == (0, 0)
        assert waiting(system.broker, DEAD_LETTER_QUEUE.name) == dead_letters

    return judge
