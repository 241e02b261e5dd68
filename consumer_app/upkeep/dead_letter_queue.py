"""The queue of the dead letters, gone through in its order, which it keeps.

`list` numbers them, and `drop` takes the number: what is given back has to lie as it lay. RabbitMQ
gives back in order what one subscription holds, but not what many single requests (basic.get) do.
So they are taken by subscriptions, each of which holds a few, as what it holds is in memory here.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from aio_pika import RobustConnection
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel

from consumer_app.settings import ConsumerSettings
from consumer_app.upkeep import CommandFailed
from contracts.topology import DEAD_LETTER_QUEUE, declare_topology
from runtime.broker import make_broker, make_channel
from runtime.broker_errors import BrokerUnavailable, broker_errors
from runtime.settings import load_settings

_ANSWER_TIMEOUT_SECONDS = 10
_LEAST_HELD = 8
# A connection has 2,047 channels, unless RabbitMQ is told otherwise.
_MOST_CHANNELS = 1_000
_GIVING_BACK_TRIES = 100


class DeadLetterQueue:
    """The dead letters that are there when it is made; those that come later stay behind them."""

    def __init__(
        self, connection: RobustConnection, channel: AbstractRobustChannel, waiting: int
    ) -> None:
        """``channel`` is one with confirms; ``waiting`` the number of dead letters."""
        self.channel = channel
        self._connection = connection
        self._waiting = waiting
        self._held_at_most = max(_LEAST_HELD, waiting // _MOST_CHANNELS + 1)
        self._subscriptions: list[AbstractRobustChannel] = []
        self._cancel: Callable[[], Awaitable[object]] | None = None

    async def letters(
        self, wanted: int | None = None
    ) -> AsyncIterator[tuple[int, AbstractIncomingMessage]]:
        """Take the dead letters, or the one that is wanted, in their order, numbered from 1.

        Those that are not acknowledged go back with ``give_back``. What another command looks at
        meanwhile does not come.

        Raises:
            CommandFailed: there is none with the number that is wanted.
            BrokerUnavailable: RabbitMQ stops sending.

        """
        room, is_found = 0, wanted is None
        for number in range(1, self._waiting + 1):
            if room == 0:
                arrivals, room = await self._subscribe(), self._held_at_most
            letter = await self._next(arrivals)
            if letter is None:
                break
            if wanted in (None, number):
                is_found = True
                yield number, letter
            # Those behind the wanted one, too: what goes back goes behind what was never taken.
            room -= not letter.processed
        if not is_found:
            raise CommandFailed(f"there is no dead letter {wanted}: the list has {self._waiting}")

    async def give_back(self) -> None:
        """Let go of what is not acknowledged, in order."""
        if self._cancel is not None:
            # It alone has room, for those that the others let go.
            await self._cancel()
        for channel in self._subscriptions:
            ready = await self._ready()
            await channel.close()
            if channel is not self._subscriptions[-1]:
                await self._until_ready(ready + self._held_at_most)

    async def _until_ready(self, number: int) -> None:
        """Wait for a moment: RabbitMQ hears of each channel's end by itself, in any order."""
        for _ in range(_GIVING_BACK_TRIES):
            if await self._ready() >= number:
                return
            await asyncio.sleep(0.01)

    async def _subscribe(self) -> asyncio.Queue[AbstractIncomingMessage]:
        """Let letters come on a channel of their own, until it holds as many as it may."""
        channel = await self._connection.channel(publisher_confirms=False)
        self._subscriptions.append(channel)
        await channel.set_qos(self._held_at_most)
        # Not taken up again on another connection, for which none of them is held any more.
        queue = await channel.declare_queue(DEAD_LETTER_QUEUE.name, passive=True, robust=False)
        arrivals: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        tag = await queue.consume(arrivals.put)
        self._cancel = partial(queue.cancel, tag)
        return arrivals

    async def _next(
        self, arrivals: asyncio.Queue[AbstractIncomingMessage]
    ) -> AbstractIncomingMessage | None:
        for _ in range(_ANSWER_TIMEOUT_SECONDS):
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    return await arrivals.get()
            if not await self._ready():
                return None
        raise BrokerUnavailable("RabbitMQ broke off: it sends no more dead letters")

    async def _ready(self) -> int:
        return await _count(self.channel)


async def _count(channel: AbstractRobustChannel) -> int:
    # A robust queue would be asked for once, and then be remembered with its number.
    queue = await channel.declare_queue(DEAD_LETTER_QUEUE.name, passive=True, robust=False)
    return queue.declaration_result.message_count or 0


@asynccontextmanager
async def dead_letter_queue() -> AsyncIterator[DeadLetterQueue]:
    """Connect once: who gave the command learns at once that RabbitMQ is away, and why."""
    broker = make_broker(
        load_settings(ConsumerSettings).rabbitmq_urls, logging.getLogger(__name__), make_channel()
    )
    try:
        connection = await broker.connect_once()
        with broker_errors("RabbitMQ does not answer"):
            async with asyncio.timeout(_ANSWER_TIMEOUT_SECONDS):
                await declare_topology(broker)
                channel = await connection.channel(on_return_raises=True)
                letters = DeadLetterQueue(connection, channel, await _count(channel))
        with broker_errors("RabbitMQ broke off"):
            yield letters
            await letters.give_back()
            await channel.close()
    finally:
        await broker.stop()
