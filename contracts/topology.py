"""RabbitMQ's exchanges and queues, declared here once; both services declare them at start."""

from faststream.rabbit import ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue

ROUTING_KEY = "medication.events"

EVENTS_EXCHANGE = RabbitExchange("medication-events", type=ExchangeType.TOPIC, durable=True)
DEAD_LETTER_EXCHANGE = RabbitExchange(
    "medication-events.dead-letter", type=ExchangeType.TOPIC, durable=True
)

EVENTS_QUEUE = RabbitQueue(  # type: ignore[call-overload] # it knows no x-consumer-timeout
    "medication-periods",
    queue_type=QueueType.QUORUM,
    durable=True,
    routing_key=ROUTING_KEY,
    arguments={
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE.name,
        # At-least-once keeps a dead letter here until the dead-letter queue has confirmed it;
        # RabbitMQ offers it only together with reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        # A message that brings the consumer down again and again ends among the dead letters.
        "x-delivery-limit": 20,
        # RabbitMQ takes back what is not acknowledged in time (30 minutes, unless told), which
        # counts as a delivery: a database may be away for longer than that.
        "x-consumer-timeout": 24 * 60 * 60 * 1000,
    },
)
DEAD_LETTER_QUEUE = RabbitQueue(
    "medication-periods.dead-letter",
    queue_type=QueueType.QUORUM,
    durable=True,
    routing_key="#",
    # Looking at dead letters returns them to the queue, which must never cost one.
    arguments={"x-delivery-limit": 1_000_000_000},
)


async def declare_dead_letters(broker: RabbitBroker) -> None:
    """Declare on a connected broker what a handler moves refused messages to."""
    await _declare(broker, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE)


async def declare_topology(broker: RabbitBroker) -> None:
    """Declare all of it on a connected broker, so that neither service must start first."""
    await declare_dead_letters(broker)
    await _declare(broker, EVENTS_EXCHANGE, EVENTS_QUEUE)


async def _declare(broker: RabbitBroker, exchange: RabbitExchange, queue: RabbitQueue) -> None:
    declared = await broker.declare_queue(queue)
    await declared.bind(await broker.declare_exchange(exchange), queue.routing())
