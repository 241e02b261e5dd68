"""The handler's tests over a real broker, and what becomes of messages there when it fails."""

import asyncio
import logging
from collections.abc import Iterator, Sequence

import aio_pika
import pytest
from pydantic import AmqpDsn

from consumer_app.handlers import handle_events
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent, explain_event, write_message
from contracts.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_QUEUE,
    EVENTS_EXCHANGE,
    EVENTS_QUEUE,
    ROUTING_KEY,
)
from local.broker import private_broker
from runtime.broker import make_broker, make_channel
from tests.unit.test_handlers import (
    START,
    STOP,
    Consumer,
    consumer,
    eventually,
    test_an_empty_list_is_taken_and_nothing_becomes_of_it,
    test_of_a_mixed_message_the_good_is_stored_and_the_whole_is_a_dead_letter,
    test_the_events_of_a_message_are_stored,
    test_what_holds_no_event_is_a_dead_letter_as_it_came,
    until_a_dead_letter,
    until_stored,
)

__all__ = [
    "consumer",
    "test_an_empty_list_is_taken_and_nothing_becomes_of_it",
    "test_of_a_mixed_message_the_good_is_stored_and_the_whole_is_a_dead_letter",
    "test_the_events_of_a_message_are_stored",
    "test_what_holds_no_event_is_a_dead_letter_as_it_came",
]


@pytest.fixture(scope="module")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


async def test_a_message_whose_events_are_not_stored_comes_again(consumer: Consumer) -> None:
    consumer.store.fails = 2
    await consumer.receive(START, STOP)
    await until_stored(consumer, START, STOP)
    assert consumer.dead_letters == []


async def test_a_dead_letter_that_no_queue_takes_is_not_lost(
    consumer: Consumer, rabbitmq_url: str
) -> None:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(DEAD_LETTER_QUEUE.name)
        await queue.unbind(DEAD_LETTER_EXCHANGE.name, DEAD_LETTER_QUEUE.routing())
        await consumer.receive([START, {}])
        await until_stored(consumer, START)
        assert consumer.dead_letters == []

        await queue.bind(DEAD_LETTER_EXCHANGE.name, DEAD_LETTER_QUEUE.routing())
        await until_a_dead_letter(consumer)


class _HeldStore(EventStore):
    """Stores nothing for as long as it is held."""

    def __init__(self) -> None:
        self.waiting: list[MedicationEvent] = []
        self.let_go = asyncio.Event()

    async def add(self, events: Sequence[MedicationEvent], _run: str | None = None) -> None:
        self.waiting.extend(events)
        await self.let_go.wait()


async def test_no_more_messages_are_taken_than_the_prefetch_limit(rabbitmq_url: str) -> None:
    store = _HeldStore()

    async def three_wait() -> bool:
        return len(store.waiting) >= 3

    broker = make_broker(AmqpDsn(rabbitmq_url), logging.getLogger(), make_channel())
    handle_events(broker, make_channel(prefetch_count=3), store)
    await broker.start()
    async with await aio_pika.connect(rabbitmq_url) as connection:
        queue = await (await connection.channel()).get_queue(EVENTS_QUEUE.name)
        try:
            message = write_message([explain_event(START)])
            for _ in range(10):
                await broker.publish(message, exchange=EVENTS_EXCHANGE, routing_key=ROUTING_KEY)
            await eventually(three_wait)

            left = await queue.declare()
            assert left.message_count == 7
            assert len(store.waiting) == 3
        finally:
            store.let_go.set()
            await broker.stop()
            await queue.purge()
