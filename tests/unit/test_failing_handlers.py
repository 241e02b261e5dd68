"""What can't be stored, or not be moved to the dead letters, is not acknowledged."""

import pytest

from tests.unit.test_handlers import START, Consumer, consumer, rabbitmq_url

__all__ = ["consumer", "rabbitmq_url"]


async def test_a_message_whose_events_are_not_stored_fails(consumer: Consumer) -> None:
    consumer.store.fails = 1
    with pytest.raises(OSError, match="about to end"):
        await consumer.receive(START)
    assert await consumer.stored() == set()


async def test_a_message_that_becomes_no_dead_letter_fails(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(consumer.moving, "take", fail)
    with pytest.raises(TimeoutError):
        await consumer.receive([START, {}])
    assert len(await consumer.stored()) == 1, "the good event is stored by then"
