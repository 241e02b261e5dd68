"""The message handler: what happens to each message from the queue."""

import asyncio

from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage

from consumer_app.dead_letters import DeadLetterHeaders, DeadLetters
from consumer_app.deliveries import Deliveries
from consumer_app.memory import MOST_BYTES_IN_HAND
from consumer_app.storage.store import EventStore
from consumer_app.trial import Trial
from contracts import (
    CanonicalMessage,
    MedicationEvents,
    MessageHeaders,
    canonical_message,
    run_of_message,
    source_of_message,
)
from contracts.topology import DEAD_LETTER_EXCHANGE, EVENTS_EXCHANGE, EVENTS_QUEUE
from runtime.http.asyncapi import Operations

OPERATIONS: Operations = {
    EVENTS_QUEUE.name: ("storeMedicationEvents", MessageHeaders),
    DEAD_LETTER_EXCHANGE.name: ("moveToDeadLetters", DeadLetterHeaders),
}
"""What is done on each channel, with which headers, as the AsyncAPI document has it."""

_SUSPICIOUS_DELIVERIES = 5
_LONGEST_PAUSE_SECONDS = 5.0
# So many are read in less than a millisecond, whatever they hold.
_FEW_BYTES = 8_000


def handle_events(
    broker: RabbitBroker,
    channel: Channel,
    store: EventStore,
    dead_letters: DeadLetters,
    trial: Trial,
) -> None:
    """Subscribe to the events: each is acknowledged when it is stored, and not before."""
    deliveries = Deliveries(MOST_BYTES_IN_HAND)
    reader = _Reader()

    @broker.subscriber(
        EVENTS_QUEUE,
        EVENTS_EXCHANGE,
        channel=channel,
        decoder=_body,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        title=EVENTS_QUEUE.name,
        description="Stores the events of a message; only then the message is acknowledged.",
    )
    async def store_medication_events(body: MedicationEvents) -> None:
        # As a parameter, which is FastStream's own way, it takes 0.18 ms of a message more.
        message: RabbitMessage = broker.context.get_local("message")
        async with deliveries.in_hand(message.raw_message):
            await store_or_move(message, body)

    async def store_or_move(message: RabbitMessage, body: bytes) -> None:
        earlier = _earlier_deliveries(message)
        try:
            if earlier >= _SUSPICIOUS_DELIVERIES and (fatal := await trial.judge(body)):
                await dead_letters.take(message, fatal)
            else:
                await store_events(message)
        except Exception:
            # RabbitMQ would deliver it again at once.
            await asyncio.sleep(min(0.1 * 2 ** min(earlier, 10), _LONGEST_PAUSE_SECONDS))
            raise

    async def store_events(message: RabbitMessage) -> None:
        run, no_run = run_of_message(message.headers)
        read = await reader.read(message.body)
        if no_run is None:
            await store.add_written(read, run, source_of_message(message.headers))
        if problem := no_run or read.refusal:
            await dead_letters.take(message, problem)


class _Reader:
    """Reads one message at each turn of the event loop, of many that come at once.

    Between two of them it answers.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def read(self, body: bytes) -> CanonicalMessage:
        """Read a message's body."""
        async with self._turn:
            message = canonical_message(body)
            if len(body) > _FEW_BYTES:
                await asyncio.sleep(0)
        return message


async def _body(message: RabbitMessage) -> bytes:
    """Leave the body as it is: what breaks the contract is ours to judge, not FastStream's."""
    return message.body


def _earlier_deliveries(message: RabbitMessage) -> int:
    """Count the earlier deliveries, whichever of its two counts RabbitMQ keeps them in.

    A first delivery may carry a publisher's own header of that name.
    """
    if not message.raw_message.redelivered:
        return 0
    counts = (message.headers.get(name) for name in ("x-delivery-count", "x-acquired-count"))
    return max((count for count in counts if isinstance(count, int)), default=0)
