"""The queue of 1.0.0: what waits there is moved to today's."""

import asyncio
import logging

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, DeliveryMode
from faststream.rabbit import RabbitBroker

from consumer_app.dead_letters import kept_headers
from contracts.topology import EVENTS_QUEUE, FORMER_EVENTS_QUEUE, former_events_queue
from runtime.broker import BrokerUnavailable, broker_errors

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 60.0
_AT_ONCE = 100
_CONFIRM_TIMEOUT_SECONDS = 30.0


async def empty_former_queue(broker: RabbitBroker) -> None:
    """Move what waits in 1.0.0's queue, now and whenever more has come; cancel it to end.

    A publisher or consumer of 1.0.0 that starts again routes events there once more. They are not
    consumed there: while a database is away, each connection that breaks would count against them.
    """
    while True:
        try:
            with broker_errors(f"queue {FORMER_EVENTS_QUEUE} can't be emptied"):
                if moved := await _empty(broker):
                    logger.info("%d messages moved from queue %s", moved, FORMER_EVENTS_QUEUE)
        except BrokerUnavailable as unavailable:
            logger.warning("%s; trying again", unavailable)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _empty(broker: RabbitBroker) -> int:
    connection = await broker.connect()
    async with connection.channel(on_return_raises=True) as channel:
        queue = await former_events_queue(channel)
        moved = 0
        while queue is not None and (taken := await _take(queue)):
            await asyncio.gather(*(_hand_on(message, channel) for message in taken))
            # A crash before this leaves them there, and being stored twice changes nothing.
            await taken[-1].ack(multiple=True)
            moved += len(taken)
        return moved


async def _take(queue: AbstractQueue) -> list[AbstractIncomingMessage]:
    taken: list[AbstractIncomingMessage] = []
    while len(taken) < _AT_ONCE and (message := await queue.get(fail=False)) is not None:
        taken.append(message)
    return taken


async def _hand_on(message: AbstractIncomingMessage, channel: AbstractChannel) -> None:
    copy = Message(
        message.body,
        headers=kept_headers(message.headers),
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
    )
    await channel.default_exchange.publish(
        copy, EVENTS_QUEUE.name, timeout=_CONFIRM_TIMEOUT_SECONDS
    )
