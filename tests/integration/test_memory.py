"""What a consumer that can't store holds in memory is bounded in bytes."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import aio_pika
import pytest

from benchmarks.machinery import peak_megabytes, stored
from benchmarks.memory import EVENTS_A_MESSAGE, MESSAGES, fitting_messages
from consumer_app.memory import SERVICE_BYTES
from contracts import MAX_MESSAGE_BYTES
from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, EVENTS_QUEUE, ROUTING_KEY
from local.broker import private_broker
from tests.databases import Database, PostgresDatabase, SqliteFile
from tests.services import ServiceProcess, eventually

LARGE = 40


@pytest.fixture
def rabbitmq_url(tmp_path: Path) -> Iterator[str]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path / "broker") as broker:
        yield broker.url


@pytest.fixture(
    params=[
        "sqlite, large",
        "sqlite, fitting",
        pytest.param("postgresql, fitting", marks=pytest.mark.long),
    ]
)
def held(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Database, list[bytes], int]:
    """Give a database, messages that a consumer holds for it, and the number of their events.

    The large ones come one after the other; of the others all are held, which take most memory
    while they are written.
    """
    kind, which = request.param.split(", ")
    database = (
        SqliteFile(tmp_path)
        if kind == "sqlite"
        else PostgresDatabase(request.getfixturevalue("postgres"))
    )
    if which == "large":
        return database, [large_message(number) for number in range(LARGE)], LARGE
    return database, [*fitting_messages()], MESSAGES * EVENTS_A_MESSAGE


@pytest.mark.fault("database locked, more messages than memory holds")
def test_what_is_held_while_the_database_is_locked_is_bounded_and_all_stored_once_it_is_not(
    rabbitmq_url: str, held: tuple[Database, list[bytes], int], tmp_path: Path
) -> None:
    database, messages, events = held
    environment = {"RABBITMQ_URL": rabbitmq_url, "DATABASE_URL": database.url}
    consumer = ServiceProcess("consumer", environment, tmp_path, anew=True)
    try:
        consumer.wait_until_ready()
        with database.locked():
            asyncio.run(publish(rabbitmq_url, messages))
            eventually(lambda: ready_in(rabbitmq_url, EVENTS_QUEUE.name) == 0)
        eventually(lambda: stored(database.url) == events)
        peak = peak_megabytes(consumer.process.pid) * 1024 * 1024
    finally:
        consumer.stop()

    assert 0 < peak < SERVICE_BYTES
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
