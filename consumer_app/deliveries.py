"""Deliveries from RabbitMQ, taken as far as there is memory for them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aio_pika import IncomingMessage
from aio_pika.exceptions import ChannelInvalidStateError
from aiormq.abc import AbstractChannel
from faststream.exceptions import SkipMessage

from consumer_app.room import Room

_QUIET_SECONDS = 2.0


class Deliveries:
    """Takes messages up to so many bytes, and gives back what it has let wait.

    What waits stays unacknowledged, so that it uses up the prefetch limit and no more comes than
    that; its body is let go. RabbitMQ knows no limit in bytes.
    """

    def __init__(self, limit: int) -> None:
        """``limit`` is in bytes of the bodies that are in hand: received, and not settled yet."""
        self._room = Room[int](limit)
        self._channel: AbstractChannel | None = None
        """The channel of those that wait or are given back, if there have been any."""
        self._quiet: asyncio.TimerHandle | None = None
        self._giving_back = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def in_hand(self, message: IncomingMessage) -> AsyncIterator[None]:
        """Have a message in hand until the context ends, which is to be right before it is settled.

        Raises:
            SkipMessage: there is no room for it: nobody is to keep or to settle it.

        """
        if not self._take(message):
            raise SkipMessage
        try:
            yield
        finally:
            self._forget_what_is_gone()
            if tags := self._room.leave(message.body_size):
                # Before the settlement, which lets in what comes for the first time; all of them,
                # though this message be given up meanwhile.
                await asyncio.shield(self._give_back(tags))
            self._await_quiet()

    def _take(self, message: IncomingMessage) -> bool:
        self._forget_what_is_gone()
        tag, comes_again = message.delivery_tag or 0, bool(message.redelivered)
        is_taken = self._room.take(message.body_size, tag, comes_again=comes_again)
        if not is_taken:
            try:
                self._channel = message.channel
            except ChannelInvalidStateError:
                self._room.forget()
        self._await_quiet()
        return is_taken

    def _forget_what_is_gone(self) -> None:
        # With its channel all that is not settled has gone back to the queue.
        if self._channel is not None and self._channel.is_closed:
            self._channel = None
            self._room.forget()

    def _give_back(self, tags: Iterable[int]) -> asyncio.Task[None]:
        giving_back = asyncio.create_task(_give_back(self._channel, tags))
        self._giving_back.add(giving_back)
        giving_back.add_done_callback(self._giving_back.discard)
        return giving_back

    def _await_quiet(self) -> None:
        """See to those who wait, should nothing come and nothing leave.

        What was given back may have gone to another consumer.
        """
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        if self._room.is_waited_for:
            loop = asyncio.get_running_loop()
            self._quiet = loop.call_later(_QUIET_SECONDS, self._expect_no_more)

    def _expect_no_more(self) -> None:
        self._quiet = None
        self._forget_what_is_gone()
        if tags := self._room.expect_no_more():
            self._give_back(tags)
        self._await_quiet()


async def _give_back(channel: AbstractChannel | None, tags: Iterable[int]) -> None:
    """Give deliveries of a channel back, which has done so itself where it is closed."""
    if channel is not None:
        with suppress(ChannelInvalidStateError):
            for tag in tags:
                await channel.basic_nack(tag, requeue=True, wait=False)
