"""What is published without a connection waits for one, and is given up with a word."""

import pytest

from contracts import explain_event
from publisher_app.failures import NotConfirmed
from publisher_app.publishing import EventPublisher
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
