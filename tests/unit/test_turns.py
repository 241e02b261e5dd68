"""Many messages that come at once leave the event loop to others in between."""

import asyncio

import pytest

from consumer_app import handlers
from contracts import CanonicalMessage, canonical_message
from tests.unit.test_handlers import START, Consumer, consumer, rabbitmq_url

__all__ = ["consumer", "rabbitmq_url"]

MESSAGES, EVENTS = 10, 200


class Turns:
    """Counts the turns of the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._next()

    def _next(self) -> None:
        self.count += 1
        asyncio.get_running_loop().call_soon(self._next)


async def test_of_many_messages_each_is_read_in_a_turn_of_its_own(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, read_in = Turns(), []

    def read(body: bytes) -> CanonicalMessage:
        read_in.append(turns.count)
        return canonical_message(body)

    monkeypatch.setattr(handlers, "canonical_message", read)

    await asyncio.gather(*(consumer.receive(EVENTS * [START]) for _ in range(MESSAGES)))

    assert len({*read_in}) == len(read_in) == MESSAGES
