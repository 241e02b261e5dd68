"""RabbitMQ's exchanges and queues, declared here once; both services declare them at start."""

from aio_pika import RobustConnection
from faststream.rabbit import ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue

ROUTING_KEY = "medication.events"

EVENTS_EXCHANGE = RabbitExchange("medication-events", type=ExchangeType.TOPIC, durable=True)
DEAD_LETTER_EXCHANGE = RabbitExchange(
    "medication-events.dead-letter", type=ExchangeType.TOPIC, durable=True
)

EVENTS_QUEUE = RabbitQueue(  # type: ignore[call-overload] # it knows no x-consumer-timeout
    "medication-periods.v2",
    queue_type=QueueType.QUORUM,
    durable=True,
    routing_key=ROUTING_KEY,
    arguments={
        # Each connection that breaks counts as a delivery of all that was under way on it, so the
        # consumer itself judges what is at fault. Left out, the limit is 20 from RabbitMQ 4.0 on.
        "x-delivery-limit": 1_000_000_000,
        # What a policy takes away all the same, by a lower limit or a time to live, is a dead
        # letter, and stays here until the dead-letter queue has confirmed it: at-least-once, which
        # RabbitMQ offers only together with reject-publish.
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE.name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        # RabbitMQ takes back what is not acknowledged in time: in 30 minutes, unless told. A
        # database may be away for longer than that.
        "x-consumer-timeout": 24 * 60 * 60 * 1000,
    },
)
FORMER_EVENTS_QUEUE = "medication-periods"
"""The events' queue of 1.0.0. Its arguments, and so its limit of 20 deliveries, never change.

Consumers of 1.0.0 may still be fed by it: only today's consumers unbind it.
"""

DEAD_LETTER_QUEUE = RabbitQueue(
    "medication-periods.dead-letter",
    queue_type=QueueType.QUORUM,
    durable=True,
    routing_key="#",
    # Looking at dead letters returns them to the queue, which must never cost one.
    arguments={"x-delivery-limit": 1_000_000_000},
)

TOPOLOGY = ((DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE), (EVENTS_EXCHANGE, EVENTS_QUEUE))
"""Each exchange, and the queue that is bound to it."""


async def declare_dead_letters(broker: RabbitBroker) -> None:
    """Declare on a connected broker what a handler moves refused messages to."""
    await _declare(broker, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE)


async def declare_topology(broker: RabbitBroker) -> None:
    """Declare all of it on a connected broker, so that neither service must start first."""
    await declare_dead_letters(broker)
    await _declare(broker, EVENTS_EXCHANGE, EVENTS_QUEUE)


async def restore_dead_letters(connection: RobustConnection) -> None:
    """Declare the dead letters' part again, which somebody may have deleted since the start.

    FastStream declares a thing once in a connection.
    """
    async with connection.channel() as channel:
        exchange = await channel.declare_exchange(
            DEAD_LETTER_EXCHANGE.name,
            DEAD_LETTER_EXCHANGE.type.value,
            durable=DEAD_LETTER_EXCHANGE.durable,
        )
        queue = await channel.declare_queue(
            DEAD_LETTER_QUEUE.name,
            durable=DEAD_LETTER_QUEUE.durable,
            arguments=DEAD_LETTER_QUEUE.arguments,
        )
        await queue.bind(exchange, DEAD_LETTER_QUEUE.routing())


async def _declare(broker: RabbitBroker, exchange: RabbitExchange, queue: RabbitQueue) -> None:
    declared = await broker.declare_queue(queue)
    await declared.bind(await broker.declare_exchange(exchange), queue.routing())
