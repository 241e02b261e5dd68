"""The queue of 1.0.0: what waits there is moved to today's."""

import asyncio
import logging
from collections.abc import Iterable
from enum import Enum, auto

import stamina
from aio_pika import Message
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueue,
    DeliveryMode,
)
from aio_pika.exceptions import (
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
)
from pydantic import AmqpDsn

from consumer_app.dead_letters import kept_headers
from contracts.topology import EVENTS_EXCHANGE, EVENTS_QUEUE, FORMER_EVENTS_QUEUE, ROUTING_KEY
from runtime.addresses import connected_apart
from runtime.broker_errors import BrokerUnavailable, broker_errors

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 60.0
# Longer than it takes to replace what runs of 1.0.0, which may route events there until its end.
_REST_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_LONGEST_RETRY_SECONDS = 5.0

# That RabbitMQ is away is told, once, by the broker of the consumer.
_AWAY = (OSError, ChannelInvalidStateError, StopAsyncIteration, asyncio.CancelledError)


class FormerQueue(Enum):
    """What was found when somebody last looked."""

    GONE = auto()
    AT_REST = auto()
    """Nothing was moved, and nobody reads it."""
    IN_USE = auto()


async def empty_former_queue(urls: Iterable[AmqpDsn]) -> None:
    """Move what waits in 1.0.0's queue, now and whenever more has come, until there is no queue.

    A publisher or consumer of 1.0.0 that starts again routes events there once more. They are not
    consumed there: while a database is away, each connection that breaks would count against them.

    Cancel it to end before. It has a connection of its own: RabbitMQ, when short of memory or disk,
    stops to read one that publishes, and so would read no acknowledgement of the consumer's.
    """
    problem, found = "", FormerQueue.IN_USE
    while found is not FormerQueue.GONE:
        try:
            found = await _empty_once(urls)
            problem = ""
        except BrokerUnavailable as unavailable:
            if problem != str(unavailable):
                problem = str(unavailable)
                is_away = isinstance(unavailable.__cause__, _AWAY)
                logger.log(
                    logging.INFO if is_away else logging.WARNING, "%s; trying again", problem
                )
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # The client may have taken it for the end of the connection.
            raise asyncio.CancelledError
        if found is not FormerQueue.GONE:
            await asyncio.sleep(_PAUSE_SECONDS)


async def move_former_queue(urls: Iterable[AmqpDsn]) -> None:
    """Move what waits in 1.0.0's queue until it has stayed empty, unread, or is gone.

    What a consumer of 1.0.0 has in hand comes back when it ends, so it is waited for.

    Raises:
        BrokerUnavailable: RabbitMQ can't be reached, or refuses it.

    """
    before = FormerQueue.IN_USE
    while (found := await _empty_once(urls)) is not FormerQueue.GONE:
        if found is before is FormerQueue.AT_REST:
            break
        before = found
        await asyncio.sleep(_REST_SECONDS)


async def leave_former_queue(urls: Iterable[AmqpDsn]) -> int:
    """Have nothing routed to 1.0.0's queue any more, and tell how many messages wait there.

    Raises:
        BrokerUnavailable: RabbitMQ can't be reached, or refuses it, or there is no answer.

    """
    with broker_errors(f"queue {FORMER_EVENTS_QUEUE} can't be unbound", Exception):
        async with connected_apart(urls) as connection, asyncio.timeout(_ANSWER_SECONDS):
            queue = await _former_queue(await connection.channel())
            return 0 if queue is None else queue.declaration_result.message_count or 0


async def _empty_once(urls: Iterable[AmqpDsn]) -> FormerQueue:
    with broker_errors(f"queue {FORMER_EVENTS_QUEUE} can't be emptied", Exception):
        async with connected_apart(urls) as connection:
            return await _empty(connection)


async def _empty(connection: AbstractConnection) -> FormerQueue:
    """Move all there is."""
    queue = await _former_queue(await connection.channel())
    if queue is None:
        return FormerQueue.GONE
    publishing = await connection.channel(on_return_raises=True)
    moved = 0
    # One at a time, held until it is handed on: given back, it would come nearer to its limit.
    while (message := await queue.get(fail=False)) is not None:
        await _hand_on(message, publishing, queue.channel)
        # A crash before this leaves it there, and being stored twice changes nothing.
        await message.ack()
        moved += 1
    if moved:
        logger.info("%d messages moved from queue %s", moved, FORMER_EVENTS_QUEUE)
    is_read = bool(queue.declaration_result.consumer_count)
    return FormerQueue.IN_USE if moved or is_read else FormerQueue.AT_REST


async def _former_queue(channel: AbstractChannel) -> AbstractQueue | None:
    """Give the queue that 1.0.0 has left behind, if any, with nothing routed to it any more."""
    try:
        queue = await channel.get_queue(FORMER_EVENTS_QUEUE)
    except ChannelNotFoundEntity:
        return None
    await queue.unbind(EVENTS_EXCHANGE.name, ROUTING_KEY)
    return queue


async def _hand_on(
    message: AbstractIncomingMessage, publishing: AbstractChannel, taking: AbstractChannel
) -> None:
    """Publish to today's queue, again and again for as long as the message is ours."""
    told = False

    def is_held(error: Exception) -> bool:
        nonlocal told
        held = isinstance(error, BrokerUnavailable) and not taking.is_closed
        if held and not told:
            logger.warning("%s; trying again", error)
            told = True
        return held

    async for attempt in stamina.retry_context(
        is_held, attempts=None, timeout=None, wait_max=_LONGEST_RETRY_SECONDS
    ):
        with attempt, broker_errors(f"queue {EVENTS_QUEUE.name} takes nothing"):
            await _publish(message, publishing)


async def _publish(message: AbstractIncomingMessage, publishing: AbstractChannel) -> None:
    if publishing.is_closed:
        await publishing.reopen()
    copy = Message(
        message.body,
        headers=kept_headers(message.headers),
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
    )
    # Without a time limit: where RabbitMQ reads nothing, each further copy would wait in memory.
    try:
        await publishing.default_exchange.publish(copy, EVENTS_QUEUE.name)
    except DeliveryError:
        # RabbitMQ may refuse whatever comes on this channel, and take it on another.
        await publishing.close()
        raise
