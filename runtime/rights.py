"""The right to publish, asked for at a start that declares nothing: nothing else would show it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aio_pika.abc import AbstractConnection
from pydantic import AmqpDsn

from runtime.addresses import connected_apart

_ANSWER_SECONDS = 5.0


async def check_may_publish(urls: Iterable[AmqpDsn], to: Iterable[tuple[str, str]]) -> None:
    """Find out whether exchanges are there and may be published to, without publishing anything.

    Each is named with the routing key of what goes there, on which the right may depend, too.

    Raises:
        BrokerRefused, BrokerUnavailable: RabbitMQ can't be reached, or refuses us.
        AMQPError: what RabbitMQ answers where an exchange is missing, or the right to it.

    """
    # On a connection of its own: RabbitMQ, when short of memory or disk, stops to read one that
    # publishes. Who hears nothing then goes on, as that says nothing of rights.
    async with connected_apart(urls) as connection:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                for exchange, routing_key in to:
                    await _publish_and_take_back(connection, exchange, routing_key)


async def _publish_and_take_back(
    connection: AbstractConnection, exchange: str, routing_key: str
) -> None:
    """Publish, and roll it back: RabbitMQ checks the right, and no queue gets anything."""
    async with connection.channel(publisher_confirms=False) as channel:
        underlay = await channel.get_underlay_channel()
        await underlay.tx_select()
        await underlay.basic_publish(b"", exchange=exchange, routing_key=routing_key)
        await underlay.tx_rollback()
