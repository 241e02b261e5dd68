"""What the parts of the benchmark share: the system under test, and ways to fill and watch it."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import aio_pika
import asyncpg
from faststream.rabbit import RabbitBroker

from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, EVENTS_QUEUE, ROUTING_KEY
from contracts.topology import declare_topology as declare
from local.broker import PrivateBroker
from tests.services import ServiceProcess

_UNCONFIRMED = 500
_POLL_SECONDS = 0.02


class Bench:
    """A broker, and a folder in which each measurement has a database of its own."""

    def __init__(self, broker: PrivateBroker, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self._databases = 0

    def environment(self, database_url: str | None = None) -> dict[str, str]:
        """Make the services' environment, with a new database unless one is named."""
        return {
            "RABBITMQ_URL": self.broker.url,
            "DATABASE_URL": database_url or f"sqlite+aiosqlite:///{self.new_database()}",
            "PUBLISHER_GIVE_UP_AFTER": "600",
            # A consumer on PostgreSQL keeps its audit there, and needs a key that all share.
            "AUDIT_KEY_FILE": str(self.folder / "audit.key"),
        }

    def new_database(self) -> Path:
        """Name a SQLite file that does not exist yet."""
        self._databases += 1
        return self.folder / f"events-{self._databases}.db"

    def consumer(
        self, environment: Mapping[str, str], app: str | None = None
    ) -> AbstractContextManager[ServiceProcess]:
        """Run a consumer, or another app; wait until it answers with ``wait_until_ready``."""
        return self._service("consumer", environment, app)

    def publisher(self, environment: Mapping[str, str]) -> AbstractContextManager[ServiceProcess]:
        """Run the publisher as a service."""
        return self._service("publisher", environment)

    @contextmanager
    def _service(
        self, name: str, environment: Mapping[str, str], app: str | None = None
    ) -> Iterator[ServiceProcess]:
        service = ServiceProcess(name, environment, self.folder, app=app, anew=True)
        try:
            yield service
        finally:
            service.stop()

    @contextmanager
    def empty_queue(self) -> Iterator[None]:
        """Give empty queues, and leave none behind."""
        asyncio.run(self._on_channel(_declare_anew(self.broker.url)))
        yield
        asyncio.run(self._on_channel(_delete))

    def fill(self, bodies: Sequence[bytes]) -> None:
        """Publish messages to the events' queue, each confirmed."""
        asyncio.run(self._on_channel(lambda channel: _publish(channel, bodies)))

    def publish(self, file: Path, environment: Mapping[str, str]) -> "Published":
        """Run the publisher on a file to its end."""
        with start_publisher(file, environment) as publisher:
            return finish(publisher)

    async def _on_channel(
        self, use: Callable[[aio_pika.abc.AbstractChannel], Awaitable[None]]
    ) -> None:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(await aio_pika.connect(self.broker.url))
            await use(await connection.channel())


class Published(NamedTuple):
    """What a run of the publisher took."""

    events: int
    seconds: float
    peak_megabytes: float


def start_publisher(file: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start `python -m publisher_app FILE`."""
    return subprocess.Popen(
        [sys.executable, "-m", "publisher_app", str(file)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(publisher: subprocess.Popen[str]) -> Published:
    """Wait for the publisher's end, and read what it says."""
    peak = 0.0
    while publisher.poll() is None:
        peak = max(peak, peak_megabytes(publisher.pid))
        time.sleep(0.1)
    said, _ = publisher.communicate()
    found = re.search(
        r"published (\d+)(?: in \d+ versions of records)?, rejected 0 in ([\d.]+) s", said
    )
    if publisher.returncode != 0 or found is None:
        raise RuntimeError(f"the publisher failed with status {publisher.returncode}: {said}")
    return Published(int(found[1]), float(found[2]), peak)


def peak_megabytes(pid: int) -> float:
    """Return the greatest resident size that a process has had, or 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def stored(database_url: str) -> int:
    """Count the events in a database, from outside."""
    return _count(database_url, "SELECT count(*) FROM event")


def is_stored(database_url: str, patient_id: str, event_id: str) -> bool:
    """Tell whether an event is in a database, from outside, however many others are in it."""
    counting = (
        "SELECT count(*) FROM event WHERE event_id = $1"
        " AND patient = (SELECT number FROM patient WHERE patient_id = $2)"
    )
    return bool(_count(database_url, counting, event_id, patient_id))


def _count(database_url: str, counting: str, *values: str) -> int:
    """Count by a statement; nothing is there where the consumer has not made the tables yet."""
    if database_url.startswith("postgresql"):
        return asyncio.run(_count_in_postgres(database_url, counting, *values))
    file = database_url.removeprefix("sqlite+aiosqlite:///")
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            count: int = connection.execute(counting, values).fetchone()[0]
            return count
    except sqlite3.OperationalError:
        return 0


async def _count_in_postgres(url: str, counting: str, *values: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        count: int = await connection.fetchval(counting, *values)
        return count
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await connection.close()


def wait_until_stored(database_url: str, count: int, poll: float = _POLL_SECONDS) -> float:
    """Wait until so many events are stored; return the time of it."""
    while True:
        began = time.monotonic()
        if stored(database_url) >= count:
            return time.monotonic()
        # Of millions it takes long to count them: the part that is measured has the processor.
        time.sleep(max(poll, 9 * (time.monotonic() - began)))


def _declare_anew(url: str) -> Callable[[aio_pika.abc.AbstractChannel], Awaitable[None]]:
    async def declare_anew(channel: aio_pika.abc.AbstractChannel) -> None:
        await _delete(channel)
        async with RabbitBroker(url, logger=None) as broker:
            await declare(broker)

    return declare_anew


async def _delete(channel: aio_pika.abc.AbstractChannel) -> None:
    for queue in (EVENTS_QUEUE, DEAD_LETTER_QUEUE):
        await channel.queue_delete(queue.name)


async def _publish(channel: aio_pika.abc.AbstractChannel, bodies: Sequence[bytes]) -> None:
    exchange = await channel.get_exchange(EVENTS_EXCHANGE.name)
    for at in range(0, len(bodies), _UNCONFIRMED):
        await asyncio.gather(
            *(
                exchange.publish(
                    aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT),
                    ROUTING_KEY,
                )
                for body in bodies[at : at + _UNCONFIRMED]
            )
        )
