"""What a consumer that can't store holds in memory is bounded in bytes."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import aio_pika
import pytest

from benchmarks.machinery import peak_megabytes, stored
from contracts import MAX_MESSAGE_BYTES
from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, EVENTS_QUEUE, ROUTING_KEY
from local.broker import private_broker
from tests.databases import SqliteFile
from tests.services import ServiceProcess, eventually

MESSAGES = 40
# All at once would take 370 MB or more. The chart allows 512 MiB, and 100 messages.
MEMORY_MEGABYTES = 260


@pytest.fixture
def rabbitmq_url(tmp_path: Path) -> Iterator[str]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path / "broker") as broker:
        yield broker.url


@pytest.mark.fault("database locked, more large messages than memory holds")
def test_more_large_messages_than_fit_are_all_stored_once_the_database_can_be_written(
    rabbitmq_url: str, tmp_path: Path
) -> None:
    database = SqliteFile(tmp_path)
    environment = {"RABBITMQ_URL": rabbitmq_url, "DATABASE_URL": database.url}
    consumer = ServiceProcess("consumer", environment, tmp_path, anew=True)
    try:
        consumer.wait_until_ready()
        with database.locked():
            asyncio.run(publish(rabbitmq_url, map(large_message, range(MESSAGES))))
            eventually(lambda: ready_in(rabbitmq_url, EVENTS_QUEUE.name) == 0)
        eventually(lambda: stored(database.url) == MESSAGES)
        peak = peak_megabytes(consumer.process.pid)
    finally:
        consumer.stop()

    assert 0 < peak < MEMORY_MEGABYTES
    # What it had not acknowledged would be ready again.
    assert ready_in(rabbitmq_url, EVENTS_QUEUE.name) == 0
    assert ready_in(rabbitmq_url, DEAD_LETTER_QUEUE.name) == 0


def large_message(number: int) -> bytes:
    event = (
        f'{{"patient_id": "{number}", "medication_name": "Heparin", "action": "start",'
        ' "event_time": "2021-01-01T02:00:00Z"}'
    )
    return event.encode().ljust(MAX_MESSAGE_BYTES - number)


async def publish(rabbitmq_url: str, bodies: Iterable[bytes]) -> None:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        events = await (await connection.channel()).get_exchange(EVENTS_EXCHANGE.name)
        for body in bodies:
            await events.publish(aio_pika.Message(body), ROUTING_KEY)


def ready_in(rabbitmq_url: str, queue: str) -> int:
    return asyncio.run(_ready_in(rabbitmq_url, queue))


async def _ready_in(rabbitmq_url: str, queue: str) -> int:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        declared = await (await connection.channel()).declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0
