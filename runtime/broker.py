"""The connection to RabbitMQ that both services make, and what readiness asks of it."""

import asyncio
import logging
from typing import Any

from aio_pika.exceptions import AMQPError
from faststream.rabbit import Channel, RabbitBroker
from pydantic import AmqpDsn

from contracts.topology import EVENTS_QUEUE

_PATIENCE = 5.0
_RECONNECT_INTERVAL = 1.0


def make_broker(url: AmqpDsn, logger: logging.Logger, **options: Any) -> RabbitBroker:
    """Build a broker that keeps trying to connect, and raises when no queue takes a message."""
    return RabbitBroker(
        str(url),
        fail_fast=False,
        reconnect_interval=_RECONNECT_INTERVAL,
        timeout=_PATIENCE,
        logger=logger,
        # FastStream logs two lines a message at this level.
        log_level=logging.DEBUG,
        description="Carries medication events from the publishers to the consumers.",
        **options,
    )


def make_channel(prefetch_count: int | None = None) -> Channel:
    """Describe a channel with confirms on which an unroutable message is an error."""
    return Channel(prefetch_count=prefetch_count, on_return_raises=True)


async def broker_trouble(broker: RabbitBroker, *, consumers: int = 0) -> str | None:
    """Say why the broker can't serve us now, or None.

    Asks RabbitMQ itself for the events' queue: a connection may look open while it is dead, and
    a reconnected consumer may have no subscription (aio-pika#231).
    """
    if not await broker.ping(timeout=0.1):
        return "RabbitMQ is not connected"
    try:
        async with asyncio.timeout(_PATIENCE):
            subscribed = await _subscribed(broker)
    except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
        return f"RabbitMQ does not answer for queue {EVENTS_QUEUE.name}: {type(error).__name__}"
    if subscribed < consumers:
        return f"queue {EVENTS_QUEUE.name} has no consumer"
    return None


async def _subscribed(broker: RabbitBroker) -> int:
    connection = await broker.connect()
    async with connection.channel(publisher_confirms=False) as channel:
        queue = await channel.get_queue(EVENTS_QUEUE.name)
    return queue.declaration_result.consumer_count or 0
