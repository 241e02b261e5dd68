"""The handler's tests over a real broker, and what becomes of messages there when it fails."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn

from consumer_app import dead_letters, deliveries, handlers, trial
from consumer_app import former_queue as former_queue_module
from consumer_app.dead_letters import DeadLetters, Death
from consumer_app.handlers import handle_events
from consumer_app.storage.store import EventStore
from consumer_app.trial import Trial
from contracts import CanonicalMessage, MedicationEvent, explain_event, read_written, write_message
from contracts.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_QUEUE,
    EVENTS_EXCHANGE,
    EVENTS_QUEUE,
    FORMER_EVENTS_QUEUE,
    ROUTING_KEY,
    declare_topology,
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
    test_of_good_and_bad_versions_the_good_are_stored_and_the_message_is_a_dead_letter,
    test_of_the_versions_in_messages_the_highest_counts,
    test_the_events_of_a_message_are_stored,
    test_what_holds_no_event_is_a_dead_letter_as_it_came,
    until_a_dead_letter,
    until_of_records,
    until_stored,
    whole,
)

__all__ = [
    "consumer",
    "test_an_empty_list_is_taken_and_nothing_becomes_of_it",
    "test_of_a_mixed_message_the_good_is_stored_and_the_whole_is_a_dead_letter",
    "test_of_good_and_bad_versions_the_good_are_stored_and_the_message_is_a_dead_letter",
    "test_of_the_versions_in_messages_the_highest_counts",
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


async def test_versions_that_are_not_stored_come_again(consumer: Consumer) -> None:
    consumer.store.fails = 2
    await consumer.receive([whole("1", START)])
    await until_of_records(consumer, (START, None))
    assert consumer.dead_letters == []


@asynccontextmanager
async def channel_to(rabbitmq_url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """Open a plain channel, as an operator's program would."""
    async with await aio_pika.connect(rabbitmq_url) as connection:
        yield await connection.channel()


async def unbind_dead_letters(channel: aio_pika.abc.AbstractChannel) -> None:
    queue = await channel.get_queue(DEAD_LETTER_QUEUE.name)
    await queue.unbind(DEAD_LETTER_EXCHANGE.name, DEAD_LETTER_QUEUE.routing())


@pytest.mark.fault("queue of dead letters unbound")
async def test_what_dead_letters_go_to_is_declared_again_where_it_is_gone(
    consumer: Consumer, rabbitmq_url: str
) -> None:
    async with channel_to(rabbitmq_url) as channel:
        await unbind_dead_letters(channel)

        await consumer.receive([START, {}])

        await until_a_dead_letter(consumer)

        async def nothing_is_wrong() -> bool:
            # The letter may be there before its confirmation is.
            return await consumer.moving.problem() is None

        await eventually(nothing_is_wrong)


@pytest.mark.fault("queue of dead letters unbound")
async def test_dead_letters_of_one_message_id_are_all_kept_where_no_queue_takes_them(
    consumer: Consumer, rabbitmq_url: str
) -> None:
    async with channel_to(rabbitmq_url) as channel:
        events = await channel.get_exchange(EVENTS_EXCHANGE.name)
        await unbind_dead_letters(channel)
        bodies = [b"a", b"b", b"c", b"d"]

        await asyncio.gather(
            *(
                events.publish(aio_pika.Message(body, message_id="the same"), ROUTING_KEY)
                for body in bodies
            )
        )

        async def all_are_there() -> bool:
            return len(consumer.dead_letters) == len(bodies)

        await eventually(all_are_there)
        assert sorted(letter.body for letter in consumer.dead_letters) == bodies


@pytest.mark.fault("queue of dead letters deleted, another of its name made")
async def test_a_dead_letter_that_can_not_be_moved_is_held_and_told_and_stops_no_other_message(
    consumer: Consumer, rabbitmq_url: str
) -> None:
    async def is_told() -> bool:
        return "NO_ROUTE" in (await consumer.moving.problem() or "")

    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(DEAD_LETTER_QUEUE.name)
        # With these arguments nobody can declare ours.
        await channel.declare_queue(DEAD_LETTER_QUEUE.name, durable=True)
        await consumer.receive([START, {}], STOP)
        await until_stored(consumer, START, STOP)
        await eventually(is_told)
        assert consumer.dead_letters == []

        await channel.queue_delete(DEAD_LETTER_QUEUE.name)
        await until_a_dead_letter(consumer)
        assert await consumer.moving.problem() is None
        # In good order: what is in the handler comes to its end.
        await consumer.broker.stop()
        # What it had taken and not acknowledged would be ready again.
        assert await _is_empty(channel, EVENTS_QUEUE.name)


async def test_a_dead_letter_that_can_not_be_moved_leaves_its_room_to_other_messages(
    rabbitmq_url: str, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "MOST_BYTES_IN_HAND", 1)  # room for one message
    monkeypatch.setattr(dead_letters, "_TRYING_SECONDS", 0.1)
    async with channel_to(rabbitmq_url) as channel:
        async with handling(rabbitmq_url, store):
            events = await channel.get_exchange(EVENTS_EXCHANGE.name)
            await channel.queue_delete(DEAD_LETTER_QUEUE.name)
            # With these arguments nobody can declare ours.
            await channel.declare_queue(DEAD_LETTER_QUEUE.name, durable=True)
            for body in (b"bad", json.dumps(START).encode(), json.dumps(STOP).encode()):
                await events.publish(aio_pika.Message(body), ROUTING_KEY)
            await until_stored_in(store, START, STOP)
        await channel.queue_delete(DEAD_LETTER_QUEUE.name)
        await (await channel.get_queue(EVENTS_QUEUE.name)).purge()


async def returned(channel: aio_pika.abc.AbstractChannel, body: bytes, times: int) -> None:
    """Publish a message that is taken and given back so often before the consumer is there."""
    queue = await channel.get_queue(EVENTS_QUEUE.name)
    events = await channel.get_exchange(EVENTS_EXCHANGE.name)
    await events.publish(aio_pika.Message(body), ROUTING_KEY)
    for _ in range(times):
        await (await queue.get(timeout=10)).nack(requeue=True)


@pytest.mark.parametrize("deliveries", [5, 25])
@pytest.mark.fault("good message delivered 6 and 26 times")
async def test_a_message_that_came_often_is_stored_all_the_same(
    deliveries: int, rabbitmq_url: str, store: EventStore
) -> None:
    async with channel_to(rabbitmq_url) as channel, RabbitBroker(rabbitmq_url) as broker:
        await declare_topology(broker)
        await returned(channel, write_message([explain_event(START)]), deliveries)
        async with handling(rabbitmq_url, store):
            await until_stored_in(store, START)
        letters = await channel.declare_queue(DEAD_LETTER_QUEUE.name, passive=True)
        assert letters.declaration_result.message_count == 0


async def test_a_message_that_came_less_often_is_tried_out_nowhere_else(
    rabbitmq_url: str, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[bytes] = []

    async def judge(_: Trial, body: bytes) -> None:
        judged.append(body)

    async def is_tried_out() -> bool:
        return judged == [body]

    monkeypatch.setattr(Trial, "judge", judge)
    body = write_message([explain_event(START)])
    async with channel_to(rabbitmq_url) as channel, RabbitBroker(rabbitmq_url) as broker:
        await declare_topology(broker)
        await returned(channel, body, 4)
        async with handling(rabbitmq_url, store):
            await until_stored_in(store, START)
        assert judged == []
        await returned(channel, body, 5)
        async with handling(rabbitmq_url, store):
            await eventually(is_tried_out)


@pytest.mark.fault("message that crashes who reads it")
async def test_a_message_that_came_often_and_can_not_be_read_is_a_dead_letter(
    rabbitmq_url: str, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = "import consumer_app.trial as t; t.say(t._READY); import os; os.abort()"
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", crash))
    async with channel_to(rabbitmq_url) as channel, RabbitBroker(rabbitmq_url) as broker:
        await declare_topology(broker)
        await returned(channel, write_message([explain_event(START)]), 5)
        letters = await channel.get_queue(DEAD_LETTER_QUEUE.name)
        async with handling(rabbitmq_url, store):
            letter = await _first(letters)
        assert Death.of(letter.headers).reason == "to read it ends the process: SIGABRT"
        assert await store.events_of("2") == []


async def _first(queue: aio_pika.abc.AbstractQueue) -> aio_pika.abc.AbstractIncomingMessage:
    async with asyncio.timeout(30), queue.iterator(no_ack=True) as letters:
        return await anext(letters)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as opened:
        yield opened


@asynccontextmanager
async def handling(rabbitmq_url: str, store: EventStore) -> AsyncIterator[RabbitBroker]:
    """Handle events as the service does."""
    broker = make_broker([AmqpDsn(rabbitmq_url)], logging.getLogger(), make_channel())
    handle_events(
        broker, make_channel(prefetch_count=100), store, DeadLetters(broker), Trial(asyncio.Lock())
    )
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


async def until_stored_in(store: EventStore, *events: dict[str, str]) -> None:
    expected = {explain_event(event) for event in events}

    async def stored() -> bool:
        return set(await store.events_of("2")) == expected

    await eventually(stored)


# As 1.0.0 declared it.
FORMER_ARGUMENTS: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": "medication-events.dead-letter",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    "x-delivery-limit": 20,
    "x-consumer-timeout": 24 * 60 * 60 * 1000,
}


@asynccontextmanager
async def former_queue(
    channel: aio_pika.abc.AbstractChannel,
) -> AsyncIterator[aio_pika.abc.AbstractExchange]:
    """Declare what 1.0.0 does, and nothing of today's; give the exchange of events."""
    await channel.queue_delete(EVENTS_QUEUE.name)
    events = await channel.declare_exchange("medication-events", "topic", durable=True)
    letters = await channel.declare_exchange("medication-events.dead-letter", "topic", durable=True)
    taken = await channel.declare_queue(
        DEAD_LETTER_QUEUE.name, durable=True, arguments=DEAD_LETTER_QUEUE.arguments
    )
    await taken.bind(letters, "#")
    former = await channel.declare_queue(
        FORMER_EVENTS_QUEUE, durable=True, arguments=FORMER_ARGUMENTS
    )
    await former.bind(events, "medication.events")
    try:
        yield events
    finally:
        await channel.queue_delete(FORMER_EVENTS_QUEUE)


@asynccontextmanager
async def emptying(rabbitmq_url: str) -> AsyncIterator[None]:
    """Empty the former queue as the service does beside its work."""
    task = asyncio.create_task(former_queue_module.empty_former_queue([AmqpDsn(rabbitmq_url)]))
    try:
        yield
    finally:
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=30)
        assert done, "it goes on after it was cancelled"


async def _is_empty(channel: aio_pika.abc.AbstractChannel, queue: str) -> bool:
    return await _ready_in(channel, queue) == 0


async def _ready_in(channel: aio_pika.abc.AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def until_all_is_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    """Wait for what is logged then: an empty queue may wait for the last acknowledgement."""

    async def is_logged() -> bool:
        return f"messages moved from queue {FORMER_EVENTS_QUEUE}" in caplog.text

    await eventually(is_logged)


@pytest.mark.fault("upgrade with a full queue of 1.0.0")
async def test_what_waits_in_the_queue_of_1_0_0_is_stored_and_no_more_is_routed_there(
    rabbitmq_url: str, store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, former_queue_module.__name__)
    async with channel_to(rabbitmq_url) as channel, former_queue(channel) as events:
        waiting = [
            START | {"event_id": str(number), "order_id": str(number % 7)} for number in range(250)
        ]
        for event in waiting:
            body = json.dumps(event).encode()
            await events.publish(aio_pika.Message(body, headers={"run-id": "monday"}), ROUTING_KEY)

        async with handling(rabbitmq_url, store):
            async with emptying(rabbitmq_url):
                await until_stored_in(store, *waiting)
                await until_all_is_acknowledged(caplog)
            await events.publish(aio_pika.Message(json.dumps(STOP).encode()), ROUTING_KEY)
            await until_stored_in(store, *waiting, STOP)

        # Nothing that was taken from it has come back.
        assert await _is_empty(channel, FORMER_EVENTS_QUEUE)
        assert [run.name for run in await store.runs()] == ["monday"]


@pytest.mark.fault("upgrade with a full queue of 1.0.0, ours takes nothing")
async def test_what_today_s_queue_refuses_for_long_is_held_and_no_dead_letter(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, former_queue_module.__name__)
    refused: list[str | None] = []
    publish = former_queue_module._publish

    async def counted(message: AbstractIncomingMessage, publishing: AbstractChannel) -> None:
        try:
            await publish(message, publishing)
        except DeliveryError as error:
            refused.append(str(error))
            raise

    async def is_refused_more_often_than_the_former_queue_s_limit() -> bool:
        return len(refused) > 20

    monkeypatch.setattr(former_queue_module, "_publish", counted)
    monkeypatch.setattr(former_queue_module, "_LONGEST_RETRY_SECONDS", 0.02)
    async with channel_to(rabbitmq_url) as channel, former_queue(channel) as events:
        bodies = [b"a", b"b", b"c"]
        for body in bodies:
            await events.publish(aio_pika.Message(body), ROUTING_KEY)
        full = await channel.declare_queue(
            EVENTS_QUEUE.name,
            durable=True,
            arguments={"x-max-length": 1, "x-overflow": "reject-publish"},
        )
        await channel.default_exchange.publish(aio_pika.Message(b"first"), EVENTS_QUEUE.name)
        async with emptying(rabbitmq_url):
            await eventually(is_refused_more_often_than_the_former_queue_s_limit)
            async with asyncio.timeout(30), full.iterator(no_ack=True) as taken:
                assert [(await anext(taken)).body for _ in range(4)] == [b"first", *bodies]
            await until_all_is_acknowledged(caplog)

        assert await _is_empty(channel, DEAD_LETTER_QUEUE.name)
        assert await _is_empty(channel, FORMER_EVENTS_QUEUE)
        await full.delete()


@pytest.mark.fault("upgrade while a publisher and a consumer of 1.0.0 still run")
async def test_moving_ends_when_nothing_of_1_0_0_fills_its_queue_or_has_anything_of_it_in_hand(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    empty_once = former_queue_module._empty_once

    async def counted(urls: Iterable[AmqpDsn]) -> former_queue_module.FormerQueue:
        nonlocal looks
        looks += 1
        return await empty_once(urls)

    async def looked_again() -> bool:
        return looks > seen + 2

    monkeypatch.setattr(former_queue_module, "_empty_once", counted)
    monkeypatch.setattr(former_queue_module, "_REST_SECONDS", 0.1)
    async with channel_to(rabbitmq_url) as channel, former_queue(channel) as events:
        async with RabbitBroker(rabbitmq_url) as broker:
            await declare_topology(broker)
        await channel.set_qos(prefetch_count=1)
        queue = await channel.get_queue(FORMER_EVENTS_QUEUE)
        await channel.default_exchange.publish(aio_pika.Message(b"held"), FORMER_EVENTS_QUEUE)
        async with queue.iterator() as taken:
            held = await anext(taken)
            moving = asyncio.create_task(
                former_queue_module.move_former_queue([AmqpDsn(rabbitmq_url)])
            )
            seen = looks
            await eventually(looked_again)
            await queue.bind(events, ROUTING_KEY)
            seen = looks
            await eventually(looked_again)
            assert not moving.done()
            await held.nack(requeue=True)
        async with asyncio.timeout(30):
            await moving
        await events.publish(aio_pika.Message(b"later"), ROUTING_KEY)

        assert await _is_empty(channel, FORMER_EVENTS_QUEUE)
        assert await _ready_in(channel, EVENTS_QUEUE.name) == 2
        await channel.queue_delete(EVENTS_QUEUE.name)


async def test_emptying_ends_where_there_is_no_queue_of_1_0_0(rabbitmq_url: str) -> None:
    async with asyncio.timeout(10):
        await former_queue_module.empty_former_queue([AmqpDsn(rabbitmq_url)])
        await former_queue_module.move_former_queue([AmqpDsn(rabbitmq_url)])


async def test_a_publisher_of_today_leaves_consumers_of_1_0_0_their_queue(
    rabbitmq_url: str,
) -> None:
    async with channel_to(rabbitmq_url) as channel, former_queue(channel) as events:
        async with RabbitBroker(rabbitmq_url) as broker:
            await declare_topology(broker)

        await events.publish(aio_pika.Message(b"[]"), ROUTING_KEY)

        assert await _ready_in(channel, FORMER_EVENTS_QUEUE) == 1
        assert await _ready_in(channel, EVENTS_QUEUE.name) == 1
        await channel.queue_delete(EVENTS_QUEUE.name)


class _HeldStore(EventStore):
    """Stores nothing for as long as it is held."""

    def __init__(self) -> None:
        self.waiting: list[MedicationEvent] = []
        self.let_go = asyncio.Event()

    async def add_written(
        self, message: CanonicalMessage, _run: str | None = None, _source: str | None = None
    ) -> None:
        self.waiting += read_written(message.written)
        await self.let_go.wait()


async def test_no_more_messages_are_taken_than_the_prefetch_limit(rabbitmq_url: str) -> None:
    store = _HeldStore()

    async def three_wait() -> bool:
        return len(store.waiting) >= 3

    broker = make_broker([AmqpDsn(rabbitmq_url)], logging.getLogger(), make_channel())
    handle_events(
        broker, make_channel(prefetch_count=3), store, DeadLetters(broker), Trial(asyncio.Lock())
    )
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


@pytest.fixture
def room_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a consumer have no more than one message in hand."""
    monkeypatch.setattr(handlers, "MOST_BYTES_IN_HAND", 1)
    monkeypatch.setattr(deliveries, "_QUIET_SECONDS", 0.1)


@asynccontextmanager
async def held_back(rabbitmq_url: str) -> AsyncIterator[tuple[_HeldStore, list[MedicationEvent]]]:
    """Have a consumer that holds one of several messages, while all others wait in it for room."""
    store = _HeldStore()
    events = [explain_event(START | {"event_id": f"{number}"}) for number in range(20)]

    async with handling(rabbitmq_url, store), channel_to(rabbitmq_url) as channel:
        exchange = await channel.get_exchange(EVENTS_EXCHANGE.name)
        for event in events:
            await exchange.publish(aio_pika.Message(write_message([event])), ROUTING_KEY)

        async def all_are_there() -> bool:
            return bool(store.waiting) and await _is_empty(channel, EVENTS_QUEUE.name)

        await eventually(all_are_there)
        assert len(store.waiting) == 1
        yield store, events


@pytest.mark.usefixtures("room_for_one")
async def test_what_waits_for_room_comes_again_and_is_not_suspicious_for_it(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[bytes] = []

    async def judge(_: Trial, body: bytes) -> None:
        judged.append(body)

    monkeypatch.setattr(Trial, "judge", judge)
    async with held_back(rabbitmq_url) as (store, events):
        store.let_go.set()

        async def all_are_taken() -> bool:
            return len(store.waiting) == len(events)

        await eventually(all_are_taken)
        assert set(store.waiting) == set(events)
    assert judged == []


@pytest.mark.usefixtures("room_for_one")
async def test_what_waits_for_room_is_left_to_another_consumer_that_has_some(
    rabbitmq_url: str, store: EventStore
) -> None:
    async with held_back(rabbitmq_url) as (held, events), handling(rabbitmq_url, store):
        held.let_go.set()

        async def all_are_taken() -> bool:
            return {*held.waiting, *await store.events_of("2")} == set(events)

        await eventually(all_are_taken)
        assert await store.events_of("2")
