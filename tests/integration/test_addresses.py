"""RABBITMQ_URL with several addresses: the first that can be reached is taken, each time anew."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import httpx
import pytest
from faststream.rabbit import QueueType, RabbitQueue
from pydantic import AmqpDsn

from local.broker import PrivateBroker
from local.ports import free_port
from runtime.addresses import connected_apart
from runtime.broker import make_broker, make_channel
from tests.commands import run_command
from tests.faults.proxy import Proxy
from tests.processes import run_module
from tests.services import JSON, ServiceProcess

EVENT = (
    b'{"patient_id": "addresses", "medication_name": "X", "action": "start",'
    b' "event_time": "2021-01-01T00:00:00Z"}\n'
)
QUEUE = RabbitQueue("test-addresses", queue_type=QueueType.QUORUM, durable=True)
# A connection that is lost is made anew after one.
SECONDS = 10.0


@pytest.fixture
def ways(broker: PrivateBroker) -> Iterator[list[Proxy]]:
    """Give two ways to the broker, each of which can be closed."""
    made = [Proxy(broker.port), Proxy(broker.port)]
    try:
        yield made
    finally:
        for way in made:
            way.close()


@pytest.fixture
def addresses(ways: list[Proxy]) -> list[str]:
    """Give three addresses, and nothing at the first."""
    ports = [free_port(), *(way.port for way in ways)]
    return [f"amqp://guest:guest@127.0.0.1:{port}/" for port in ports]


async def test_a_consumer_goes_on_at_the_next_address_within_seconds(
    broker: PrivateBroker,
    ways: list[Proxy],
    addresses: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()
    consumer = make_broker(map(AmqpDsn, addresses), logging.getLogger(__name__), make_channel())

    @consumer.subscriber(QUEUE)
    async def receive(message: bytes) -> None:
        await received.put(message)

    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        await consumer.start()
        try:
            for message in (b"over the second", b"over the third"):
                await channel.default_exchange.publish(aio_pika.Message(message), QUEUE.name)
                async with asyncio.timeout(SECONDS):
                    # One that was not acknowledged in time comes again.
                    while await received.get() != message:
                        pass
                await asyncio.to_thread(ways[0].close)
        finally:
            await consumer.stop()
            await channel.queue_delete(QUEUE.name)

    away, back = (each.message for each in caplog.records if each.name == __name__)
    assert away.startswith(f"RabbitMQ is away: 127.0.0.1:{ways[0].port}: ")
    assert back == "RabbitMQ is back"


def test_a_publisher_goes_on_at_the_next_address_within_seconds(
    ways: list[Proxy], addresses: list[str], tmp_path: Path
) -> None:
    publisher = ServiceProcess("publisher", {"RABBITMQ_URL": ",".join(addresses)}, tmp_path)
    try:
        publisher.wait_until_ready()
        ways[0].close()

        answer = httpx.post(f"{publisher.url}/events", content=EVENT, headers=JSON, timeout=SECONDS)

        assert answer.status_code == 202
    finally:
        publisher.stop()


async def test_a_connection_apart_is_made_to_the_first_address_that_can_be_reached(
    addresses: list[str],
) -> None:
    async with connected_apart(map(AmqpDsn, addresses)) as connection:
        assert not (await connection.channel()).is_closed


def test_commands_take_the_first_address_that_can_be_reached(addresses: list[str]) -> None:
    environment = {"RABBITMQ_URL": ",".join(addresses)}

    published = run_module("publisher_app", ["-"], environment, stdin=EVENT)
    listed = run_command(environment, "dead-letters", "list")

    assert (published.returncode, published.stderr) == (0, "")
    assert (listed.returncode, listed.stderr) == (0, "")
