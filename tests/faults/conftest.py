"""What the fault tests break: `FAULTS=full` breaks it more often, `FAULTS_SEED` tells when,
`FAULTS_DATABASES` over which databases: in full over all.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from contracts.topology import DEAD_LETTER_QUEUE
from local.broker import PrivateBroker
from local.ports import free_port
from local.postgres import PrivatePostgres, private_postgres
from tests.databases import KINDS, Database, PostgresDatabase, SqliteFile
from tests.faults.proxy import Proxy
from tests.faults.reports import Reports
from tests.faults.senders import Senders
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
def proxy(broker: PrivateBroker) -> Iterator[Proxy]:
    """Give a bad network before the broker."""
    made = Proxy(broker.port)
    yield made
    made.close()


@pytest.fixture
def system(
    broker: PrivateBroker, database: Database, tmp_path: Path, seed: int
) -> Iterator[System]:
    made = System(broker, database, tmp_path, Reports(seed))
    yield made
    made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = shutil.which("mount")
    folder = tmp_path / "small-disk"
    folder.mkdir()
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=False, capture_output=True
    )
    if not made or made.returncode != 0:
        pytest.skip("a small file system can't be mounted: it takes Linux and root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def own_postgres() -> Iterator[PrivatePostgres]:
    """Give a server that may be taken down."""
    with private_postgres() as server:
        yield server


@pytest.fixture
def mllp_port(system: System) -> int:
    """Give the port at which publishers take messages."""
    port = free_port()
    system.environment |= {"PUBLISHER_MLLP_PORT": str(port), "PUBLISHER_GIVE_UP_AFTER": "3"}
    return port


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


class RecordSent(Protocol):
    def __call__(self, times: int, senders: Senders, consumer: ServiceProcess) -> None: ...


@pytest.fixture
def record_sent(record_property: Callable[[str, object], None]) -> RecordSent:
    """Judge what senders of messages have sent, and keep the figures for the table."""

    def judge(times: int, senders: Senders, consumer: ServiceProcess) -> None:
        lost, doubled = senders.judge(consumer)
        events = 2 * senders.accepted
        for name, value in {
            "times": times,
            "events": events,
            "lost": lost,
            "doubled": doubled,
        }.items():
            record_property(name, value)
        assert (lost, doubled) == (0, 0)

    return judge
