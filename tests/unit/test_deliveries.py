"""What becomes of deliveries that there is no room for."""

import asyncio
from typing import Any, cast

import pytest
from aio_pika import IncomingMessage
from aio_pika.exceptions import ChannelInvalidStateError
from faststream.exceptions import SkipMessage

from consumer_app import deliveries as deliveries_module
from consumer_app.deliveries import Deliveries


class Channel:
    """Keeps in mind what is given back on it."""

    def __init__(self) -> None:
        self.is_closed = False
        self.given_back: list[int] = []

    async def basic_nack(self, tag: int, **_: object) -> None:
        if self.is_closed:
            raise ChannelInvalidStateError
        self.given_back.append(tag)


class SlowChannel(Channel):
    """Takes nothing until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def basic_nack(self, tag: int, **_: object) -> None:
        self.is_asked.set()
        await self.goes_on.wait()
        await super().basic_nack(tag)


class Message:
    """A message of a size, as aio-pika delivers it."""

    def __init__(self, channel: Channel, tag: int, size: int) -> None:
        self._channel = channel
        self.delivery_tag = tag
        self.body_size = size
        self.redelivered = False

    @property
    def channel(self) -> Channel:
        if self._channel.is_closed:
            raise ChannelInvalidStateError
        return self._channel


def in_hand(deliveries: Deliveries, channel: Channel, tag: int, size: int) -> Any:  # noqa: ANN401
    return deliveries.in_hand(cast("IncomingMessage", Message(channel, tag, size)))


async def let_wait(deliveries: Deliveries, channel: Channel, tag: int, size: int) -> None:
    with pytest.raises(SkipMessage):
        await in_hand(deliveries, channel, tag, size).__aenter__()


async def test_what_waits_is_given_back_before_what_it_waits_for_is_settled() -> None:
    deliveries, channel = Deliveries(100), Channel()
    async with in_hand(deliveries, channel, 1, 100):
        await let_wait(deliveries, channel, 2, 50)
        await let_wait(deliveries, channel, 3, 50)
        assert channel.given_back == []
    assert channel.given_back == [2, 3]


async def test_a_message_that_fails_leaves_its_room_too() -> None:
    deliveries, channel = Deliveries(100), Channel()

    async def fail() -> None:
        async with in_hand(deliveries, channel, 1, 100):
            await let_wait(deliveries, channel, 2, 100)
            raise OSError("as if")

    with pytest.raises(OSError, match="as if"):
        await fail()
    assert channel.given_back == [2]


async def test_what_waits_is_forgotten_with_its_channel() -> None:
    deliveries, former, channel = Deliveries(100), Channel(), Channel()
    async with in_hand(deliveries, former, 1, 60):
        await let_wait(deliveries, former, 2, 60)
        former.is_closed = True
        await let_wait(deliveries, former, 3, 60)

        async with in_hand(deliveries, channel, 1, 40):
            await let_wait(deliveries, channel, 2, 60)
    assert former.given_back == []
    assert channel.given_back == [2]


async def test_all_that_fit_are_given_back_though_what_they_waited_for_is_given_up() -> None:
    deliveries, channel = Deliveries(100), SlowChannel()

    async def leave() -> None:
        async with in_hand(deliveries, channel, 1, 100):
            await let_wait(deliveries, channel, 2, 50)
            await let_wait(deliveries, channel, 3, 50)

    leaving = asyncio.create_task(leave())
    async with asyncio.timeout(10):
        await channel.is_asked.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        channel.goes_on.set()
        while channel.given_back != [2, 3]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)


async def test_what_waited_on_a_channel_is_not_given_back_on_the_next() -> None:
    deliveries, former, channel = Deliveries(100), Channel(), Channel()
    async with in_hand(deliveries, former, 1, 100):
        await let_wait(deliveries, former, 2, 100)
        await let_wait(deliveries, former, 3, 100)
    deliveries._expect_no_more()  # as the timer does
    former.is_closed = True
    async with in_hand(deliveries, channel, 1, 100):
        await let_wait(deliveries, channel, 2, 100)
        await asyncio.sleep(0)
        assert (former.given_back, channel.given_back) == ([2], [])


async def test_all_that_wait_are_given_back_in_time_though_nothing_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries_module, "_QUIET_SECONDS", 0.001)
    deliveries, channel = Deliveries(100), Channel()
    async with in_hand(deliveries, channel, 1, 100):
        for tag in (2, 3, 4):
            await let_wait(deliveries, channel, tag, 80)

    async with asyncio.timeout(10):
        while channel.given_back != [2, 3, 4]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)
