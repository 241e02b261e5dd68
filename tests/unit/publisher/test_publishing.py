"""What is published without a connection waits for one, and is given up with a word."""

import pytest
from aio_pika.exceptions import AMQPError, DeliveryError
from aiormq.exceptions import ChannelAccessRefused
from pamqp.commands import Basic

from contracts import MedicationEvent, explain_event, read_message, write_message
from publisher_app import publishing
from publisher_app.failures import NotConfirmed
from publisher_app.publishing import MOST_MESSAGE_BYTES, EventPublisher, bodies_of
from publisher_app.settings import PublisherSettings

EVENT = explain_event(
    {
        "patient_id": "2",
        "medication_name": "Y",
        "action": "start",
        "event_time": "2021-01-01T02:00:00Z",
    }
)


async def test_before_a_connection_it_is_tried_until_the_time_is_up() -> None:
    publisher = EventPublisher.of(PublisherSettings(give_up_after=0.1))
    with pytest.raises(NotConfirmed, match="RabbitMQ has not confirmed: "):
        await publisher.publish([EVENT], "monday")


class Answers:
    """What RabbitMQ answers to each message, in turn."""

    def __init__(self, *answers: AMQPError | None) -> None:
        self.left = list(answers)

    async def __call__(self, *_: object, **__: object) -> None:
        if (answer := self.left.pop(0)) is not None:
            raise answer


REFUSED = ChannelAccessRefused("ACCESS_REFUSED - access to exchange 'e' refused for user 'u'")
NO_QUEUE = DeliveryError(None, Basic.Return(312, "NO_ROUTE", "e", "k"))


async def test_what_is_refused_for_a_right_is_not_tried_again_and_told_by_readiness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(REFUSED, None)
    monkeypatch.setattr(publishing, "publish_confirmed", answers)
    publisher = EventPublisher.of(PublisherSettings())
    assert await publisher.problem() is None

    with pytest.raises(NotConfirmed, match="RabbitMQ has not confirmed: ACCESS_REFUSED"):
        await publisher.publish([EVENT], None)
    assert answers.left == [None]
    assert "ACCESS_REFUSED" in (await publisher.problem() or "")

    await publisher.publish([EVENT], None)
    assert await publisher.problem() is None


async def test_that_no_queue_takes_a_message_is_told_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "publish_confirmed", Answers(*[NO_QUEUE] * 100))
    publisher = EventPublisher.of(PublisherSettings(give_up_after=0.2))

    with pytest.raises(NotConfirmed):
        await publisher.publish([EVENT], None)

    assert "NO_ROUTE" in (await publisher.problem() or "")
    monkeypatch.setattr(publishing, "_TOLD_SECONDS", 0.0)
    assert await publisher.problem() is None


async def test_that_rabbitmq_is_away_is_not_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the broker's own problem, and gone as soon as there is a connection."""
    monkeypatch.setattr(publishing, "publish_confirmed", Answers(*[AMQPError("lost")] * 100))
    publisher = EventPublisher.of(PublisherSettings(give_up_after=0.2))

    with pytest.raises(NotConfirmed):
        await publisher.publish([EVENT], None)

    assert await publisher.problem() is None


def events(count: int, medication_name: str) -> list[MedicationEvent]:
    return [
        MedicationEvent(str(number), medication_name, EVENT.action, EVENT.event_time)
        for number in range(count)
    ]


def test_ordinary_events_are_one_message() -> None:
    ordinary = events(1_000, "Heparin 25,000 units in 250 ml")

    assert list(bodies_of(ordinary)) == [write_message(ordinary)]


def test_events_of_many_bytes_are_several_messages_that_lose_none_of_them() -> None:
    long = events(1_000, 256 * "\U0001f48a")

    bodies = list(bodies_of(long))

    assert 1 < len(bodies) <= 4
    assert max(map(len, bodies)) <= MOST_MESSAGE_BYTES
    assert [event for body in bodies for event in read_message(body).events] == long
