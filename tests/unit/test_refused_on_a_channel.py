"""A channel on which RabbitMQ takes nothing for ever keeps nothing back: another takes it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aio_pika import IncomingMessage
from faststream.rabbit import RabbitBroker, RabbitMessage
from pydantic import AmqpDsn

from consumer_app import dead_letters
from consumer_app.dead_letters import REASON_HEADER, DeadLetters
from consumer_app.former_queue import empty_former_queue
from contracts import explain_event, write_message
from contracts.topology import (
    DEAD_LETTER_EXCHANGE,
    EVENTS_EXCHANGE,
    EVENTS_QUEUE,
    ROUTING_KEY,
)
from publisher_app import publishing
from publisher_app.publishing import EventPublisher
from runtime import addresses
from runtime.broker import make_broker, make_channel
from tests.unit.amqp import AmqpServer, Published, amqp_server
from tests.unit.test_handlers import START, eventually

PERSISTENT = 2


@pytest.fixture
async def server() -> AsyncIterator[AmqpServer]:
    async with amqp_server(waiting=[b"of 1.0.0"]) as serving:
        yield serving


def broker_at(server: AmqpServer) -> RabbitBroker:
    return make_broker([AmqpDsn(server.url)], logging.getLogger(__name__), make_channel())


def same(one: Published, other: Published) -> bool:
    """Compare all but the channel, the identity of the message, and its time."""

    def parts(message: Published) -> tuple[object, ...]:
        told = message.properties
        return (
            message.exchange,
            message.routing_key,
            message.body,
            told.headers,
            told.content_type,
            told.delivery_mode,
        )

    return parts(one) == parts(other)


async def test_what_a_publisher_is_refused_on_its_channel_goes_out_on_another(
    server: AmqpServer,
) -> None:
    events = [explain_event(START)]
    publisher = EventPublisher(broker_at(server), give_up_after=10)
    async with publisher.connected():
        open_before = server.open
        for _ in range(2):
            await publisher.publish(events, "monday")
        assert server.open == open_before

    assert len(server.refused) == len(server.taken) == 2
    message = server.taken[0]
    assert (message.exchange, message.routing_key) == (EVENTS_EXCHANGE.name, ROUTING_KEY)
    assert message.body == write_message(events)
    assert message.properties.headers == {"run-id": "monday"}
    assert message.properties.delivery_mode == PERSISTENT
    assert all(map(same, server.taken, server.refused))


async def test_what_is_never_confirmed_on_a_channel_is_published_again_on_another(
    server: AmqpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_CONFIRM_TIMEOUT_SECONDS", 0.5)
    server.refuses = False
    publisher = EventPublisher(broker_at(server), give_up_after=30)
    async with publisher.connected():
        open_before = server.open
        await publisher.publish([explain_event(START)], "monday")
        assert server.open == open_before

    (kept,), (message,) = server.refused, server.taken
    assert same(message, kept)


async def test_a_dead_letter_that_is_refused_on_a_channel_is_moved_on_another(
    server: AmqpServer,
) -> None:
    broker = broker_at(server)
    letters = DeadLetters(broker)
    await broker.start()
    try:
        await letters.take(_message(b"bad", {"run-id": "monday"}), "no JSON")
    finally:
        await broker.stop()

    assert await letters.problem() is None
    (message,) = server.taken
    assert (message.exchange, message.body) == (DEAD_LETTER_EXCHANGE.name, b"bad")
    headers = message.properties.headers or {}
    assert (headers[REASON_HEADER], headers["run-id"]) == ("no JSON", "monday")
    assert same(message, server.refused[0])


async def test_a_dead_letter_that_is_never_confirmed_on_a_channel_is_moved_on_another(
    server: AmqpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_CONFIRM_TIMEOUT_SECONDS", 0.5)
    server.refuses = False
    broker = broker_at(server)
    letters = DeadLetters(broker)
    await broker.start()
    try:
        await letters.take(_message(b"bad", {}), "no JSON")
    finally:
        await broker.stop()

    assert await letters.problem() is None
    (message,) = server.taken
    assert message.body == server.refused[0].body == b"bad"


async def test_what_waits_in_the_queue_of_1_0_0_and_is_refused_on_a_channel_is_moved_on_another(
    server: AmqpServer,
) -> None:
    async def is_acknowledged() -> bool:
        return server.acknowledged == 1

    emptying = asyncio.create_task(empty_former_queue([AmqpDsn(server.url)]))
    try:
        await eventually(is_acknowledged)
    finally:
        emptying.cancel()
        await asyncio.gather(emptying, return_exceptions=True)

    (refused,), (message,) = server.refused, server.taken
    assert (message.routing_key, message.body) == (EVENTS_QUEUE.name, b"of 1.0.0")
    assert same(message, refused)


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_who_ends_while_the_queue_of_1_0_0_is_emptied_leaves_no_connection(
    server: AmqpServer, steps: int
) -> None:
    emptying = asyncio.create_task(empty_former_queue([AmqpDsn(server.url)]))
    while not server.acknowledged:  # noqa: ASYNC110 - the turns of the loop are what is counted
        await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    emptying.cancel()
    await asyncio.gather(emptying, return_exceptions=True)

    # A loop that ended now would cancel it, for which the client waits for ever.
    assert not addresses._farewells


def _message(body: bytes, headers: Mapping[str, Any]) -> RabbitMessage:
    """Give a message that has come, as far as a dead letter is made of it."""
    raw = SimpleNamespace(
        exchange=EVENTS_EXCHANGE.name,
        routing_key=ROUTING_KEY,
        channel=SimpleNamespace(is_closed=False),
    )
    return RabbitMessage(cast(IncomingMessage, raw), body, headers=dict(headers))
