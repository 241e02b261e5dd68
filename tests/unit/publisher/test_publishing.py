"""What is published without a connection waits for one, and is given up with a word."""

import pytest

from contracts import MedicationEvent, explain_event, read_message, write_message
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
