"""Messages that the consumer holds for long, because its database is away."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest

from contracts.topology import EVENTS_QUEUE
from local.broker import PrivateBroker
from tests.databases import Database
from tests.faults.conftest import Record
from tests.faults.proxy import Proxy
from tests.faults.reports import Reports
from tests.faults.system import System, channel_to, send, waiting
from tests.services import PATIENCE_SECONDS, eventually

_IMPATIENT = (
    "[{rabbit, [{consumer_timeout, 2000}, {channel_tick_interval, 1000},"
    " {quorum_tick_interval, 1000}]}]."
)
# From this version on RabbitMQ heeds a queue's own x-consumer-timeout.
_HEEDS_THE_QUEUE = (3, 12)


@pytest.fixture
def impatient(tmp_path: Path, database: Database, seed: int) -> Iterator[System]:
    """Give a system whose broker takes back what is not acknowledged within two seconds."""
    broker = PrivateBroker(tmp_path / "broker")
    broker.folder.mkdir()
    (broker.folder / "advanced.config").write_text(_IMPATIENT)
    broker.start()
    system = System(broker, database, tmp_path, Reports(seed))
    yield system
    system.close()
    broker.kill()


@pytest.mark.fault("database locked until RabbitMQ takes back what is held")
def test_messages_that_an_older_broker_takes_back_while_the_database_is_away_are_stored_once(
    impatient: System, record: Record
) -> None:
    """RabbitMQ closes the channel of a consumer that takes too long to acknowledge."""
    if asyncio.run(_version(impatient.broker)) >= _HEEDS_THE_QUEUE:
        pytest.skip("needs RabbitMQ before 3.12: newer ones grant a day, as our queue asks")
    consumer = impatient.start_consumer()
    with impatient.database.locked():
        send(impatient.broker, *(report.line for report in impatient.reports.take(10)))
        eventually(lambda: "delivery acknowledgement" in impatient.broker.log.read_text())
    record(1, impatient, consumer)


@pytest.mark.fault("database locked for longer than RabbitMQ's consumer_timeout")
def test_messages_stay_with_the_consumer_while_the_database_is_away_as_the_queue_asks(
    impatient: System, record: Record
) -> None:
    if asyncio.run(_version(impatient.broker)) < _HEEDS_THE_QUEUE:
        pytest.skip("needs RabbitMQ 3.12: older ones know only their own consumer_timeout")
    consumer = impatient.start_consumer()
    with impatient.database.locked():
        send(impatient.broker, *(report.line for report in impatient.reports.take(10)))
        eventually(lambda: waiting(impatient.broker, EVENTS_QUEUE.name) == 0)
        asyncio.run(_see_a_message_taken_back(impatient.broker))
        assert waiting(impatient.broker, EVENTS_QUEUE.name) == 0
    record(1, impatient, consumer)


@pytest.mark.long
@pytest.mark.fault("connections broken while the database is locked")
def test_messages_whose_connection_breaks_often_while_the_database_is_locked_are_no_dead_letters(
    system: System, full: bool, record: Record
) -> None:
    """Each time counts as a delivery of all of them, of which 20 were the limit once."""
    times, messages = (21, 100) if full else (3, 20)
    proxy = Proxy(system.broker.port)
    system.environment["RABBITMQ_URL"] = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    system.start_consumer().stop()
    send(system.broker, *(report.line for report in system.reports.take(messages)))
    if not full:
        asyncio.run(_return(system.broker, messages, times=18))
    with system.database.locked():
        consumer = system.start("consumer")
        for _ in range(times):
            eventually(lambda: waiting(system.broker, EVENTS_QUEUE.name) == 0)
            proxy.reset()
            eventually(lambda: waiting(system.broker, EVENTS_QUEUE.name) == messages)

    record(times, system, consumer)
    proxy.close()


async def _return(broker: PrivateBroker, messages: int, times: int) -> None:
    """Take all messages and give them back, so often."""
    async with channel_to(broker) as channel:
        queue = await channel.get_queue(EVENTS_QUEUE.name)
        for _ in range(times):
            taken = [await queue.get(timeout=10) for _ in range(messages)]
            await taken[-1].nack(multiple=True, requeue=True)


async def _version(broker: PrivateBroker) -> tuple[int, ...]:
    """Ask a broker for its version."""
    async with await aio_pika.connect(broker.url) as connection:
        assert connection.transport is not None
        version = connection.transport.connection.server_properties["version"]
    return tuple(map(int, str(version).split(".")))


async def _see_a_message_taken_back(broker: PrivateBroker) -> None:
    """Hold a message of a queue that asks for nothing, until the broker has taken it back."""
    name = "asks-for-nothing"
    held = asyncio.Event()

    async def hold(_: object) -> None:
        held.set()

    holder = await aio_pika.connect(broker.url)
    channel = await holder.channel()
    queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    await channel.default_exchange.publish(aio_pika.Message(b"held"), name)
    await queue.consume(hold)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await held.wait()
    await asyncio.to_thread(eventually, lambda: waiting(broker, name) == 1)
    await holder.close()
