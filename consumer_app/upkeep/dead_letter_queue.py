"""The queue of the dead letters, gone through in its order, which it keeps.

`list` numbers them, and `drop` takes the number: what is given back has to lie as it lay. So one
command works at a time, and gives back one by one, in their order, what it has not deleted. Until
then RabbitMQ holds it; here there is one letter at a time.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import typer
from aio_pika import Channel, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, DeliveryMode
from aiormq.exceptions import ChannelLockedResource
from faststream.rabbit import RabbitExchange

from consumer_app.settings import ConsumerSettings
from consumer_app.upkeep import CommandFailed
from contracts.topology import DEAD_LETTER_QUEUE, declare_topology
from runtime.broker import make_broker
from runtime.broker_errors import broker_errors
from runtime.settings import load_settings

_ANSWER_TIMEOUT_SECONDS = 10
_CONFIRM_TIMEOUT_SECONDS = 30.0
_LOCK = f"{DEAD_LETTER_QUEUE.name}.command"
# RabbitMQ's channel changes the order of what it gives back once 32 of them are under way.
_GIVEN_BACK_AT_ONCE = 8
_GIVING_BACK_TRIES = 1_000


class DeadLetterQueue:
    """The dead letters that are there when it is made; those that come later stay behind them."""

    def __init__(self, channel: AbstractChannel, waiting: int) -> None:
        """``channel`` has confirms, and ends for good; ``waiting`` letters are there."""
        self.channel = channel
        self._waiting = waiting
        self._taken = 0
        self._held: list[int] = []

    async def letters(
        self, wanted: int | None = None
    ) -> AsyncIterator[tuple[int, AbstractIncomingMessage]]:
        """Take the dead letters, or the one that is wanted, in their order, numbered from 1.

        Those that are not acknowledged go back with ``give_back``.

        Raises:
            CommandFailed: there is none with the number that is wanted, or another program takes
                dead letters away meanwhile.

        """
        if wanted is not None and wanted > self._waiting:
            raise CommandFailed(f"there is no dead letter {wanted}: the list has {self._waiting}")
        # Those around the wanted one, too: RabbitMQ puts what is given back in front of what nobody
        # has taken yet, but behind what was given back before.
        while self._taken < self._waiting:
            letter = await self._take()
            if letter is None:
                raise CommandFailed(
                    f"{self._waiting - self._taken} of {self._waiting} dead letters did not come: "
                    "another program takes them; run it again when that has ended"
                )
            if wanted in (None, self._taken):
                yield self._taken, letter
            if letter.processed:
                self._held.pop()

    async def _take(self) -> AbstractIncomingMessage | None:
        queue = await self.channel.get_queue(DEAD_LETTER_QUEUE.name, ensure=False)
        letter = await queue.get(fail=False, timeout=_ANSWER_TIMEOUT_SECONDS)
        if letter is not None:
            self._taken += 1
            self._held.append(letter.delivery_tag or 0)
        return letter

    async def publish(
        self,
        letter: AbstractIncomingMessage,
        body: bytes,
        headers: Mapping[str, Any],
        exchange: RabbitExchange,
        routing_key: str,
    ) -> None:
        """Publish what is made of a letter; return once that is confirmed, so that it may go."""
        to = await self.channel.get_exchange(exchange.name, ensure=False)
        message = Message(
            body,
            headers=dict(headers),
            content_type=letter.content_type,
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        await to.publish(message, routing_key, timeout=_CONFIRM_TIMEOUT_SECONDS)

    async def give_back(self) -> None:
        """Let go of what is not acknowledged, in order; tell where that can't be made sure."""
        while self._taken < self._waiting and await self._take():
            pass
        channel, is_sure = await self.channel.get_underlay_channel(), True
        for start in range(0, len(self._held), _GIVEN_BACK_AT_ONCE):
            ready = (await _counts(self.channel)).ready
            tags = self._held[start : start + _GIVEN_BACK_AT_ONCE]
            for tag in tags:
                await channel.basic_nack(tag)
            left = len(self._held) - start - len(tags)
            is_sure = is_sure and await self._are_back(ready + len(tags), left)
        if not is_sure:
            typer.echo(
                "the order of the dead letters may have changed: list them again before you name "
                "a number",
                err=True,
            )

    async def _are_back(self, ready: int, held: int) -> bool:
        """Wait until so many letters are ready, or more, and no more than so many are held."""
        for _ in range(_GIVING_BACK_TRIES):
            counts = await _counts(self.channel)
            if counts.ready >= ready and counts.holders <= held:
                return True
            await asyncio.sleep(0.005)
        return False


class _Counts(NamedTuple):
    ready: int
    holders: int
    """Subscriptions, and requests whose letter is neither acknowledged nor given back."""


async def _counts(channel: AbstractChannel) -> _Counts:
    queue = await channel.declare_queue(DEAD_LETTER_QUEUE.name, passive=True)
    result = queue.declaration_result
    return _Counts(result.message_count or 0, result.consumer_count or 0)


async def _lock(channel: AbstractChannel) -> None:
    """Keep other commands out for as long as the connection lives."""
    try:
        await channel.declare_queue(_LOCK, exclusive=True)
    except ChannelLockedResource:
        raise CommandFailed("another dead-letters command runs: wait for it to end") from None


@asynccontextmanager
async def dead_letter_queue() -> AsyncIterator[DeadLetterQueue]:
    """Connect once: who gave the command learns at once that RabbitMQ is away, and why.

    Raises:
        CommandFailed: another command, or another program, has dead letters in its hands.

    """
    broker = make_broker(load_settings(ConsumerSettings).rabbitmq_urls, logging.getLogger(__name__))
    try:
        connection = await broker.connect_once()
        # No robust one: on the next connection none of the letters would be held any more, and no
        # acknowledgement that was under way would have arrived.
        channel = Channel(connection, on_return_raises=True)
        with broker_errors("RabbitMQ does not answer"):
            async with asyncio.timeout(_ANSWER_TIMEOUT_SECONDS):
                await declare_topology(broker)
                await channel.initialize()
                await _lock(channel)
                counts = await _counts(channel)
        if counts.holders:
            raise CommandFailed(
                "another program holds dead letters, which would change their numbers: end it first"
            )
        with broker_errors("RabbitMQ broke off"):
            letters = DeadLetterQueue(channel, counts.ready)
            try:
                yield letters
            finally:
                await letters.give_back()
            # It answers behind all acknowledgements.
            await _counts(channel)
    finally:
        await broker.stop()
