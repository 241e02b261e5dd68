"""The message handler: what happens to each message from the queue."""

import asyncio
import random

from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage

from consumer_app.dead_letters import bury
from consumer_app.storage.store import EventStore
from contracts import EventMessage, read_message
from contracts.topology import EVENTS_EXCHANGE, EVENTS_QUEUE

_SUSPICIOUS_DELIVERIES = 3
_LONGEST_HOLD = 2.0


def handle_events(broker: RabbitBroker, channel: Channel, store: EventStore) -> None:
    """Subscribe to the events: each is acknowledged when it is stored, and not before."""

    async def decode(message: RabbitMessage) -> EventMessage:
        await _let_others_go_first(message)
        received = read_message(message.body)
        if received.refusal is not None:
            await bury(broker, message, received.refusal)
        return EventMessage.of(received.events)

    @broker.subscriber(
        EVENTS_QUEUE,
        EVENTS_EXCHANGE,
        channel=channel,
        decoder=decode,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        title="medication-periods",
        description="Stores the events of a message; only then the message is acknowledged.",
    )
    async def store_events(message: EventMessage) -> None:
        await store.add(message.events)


async def _let_others_go_first(message: RabbitMessage) -> None:
    """Hold back a message that may have brought the process down before.

    What was taken from the queue together with such a message is redelivered with it; in random
    order all but the guilty one are stored before they reach the delivery limit.
    """
    if int(message.headers.get("x-delivery-count", 0)) >= _SUSPICIOUS_DELIVERIES:
        await asyncio.sleep(random.uniform(0, _LONGEST_HOLD))  # noqa: S311 - no secret
