"""The handler's tests, over a real broker."""

from collections.abc import Iterator

import pytest

from local.broker import private_broker
from tests.unit.test_handlers import (
    consumer,
    test_an_empty_list_is_taken_and_nothing_becomes_of_it,
    test_of_a_mixed_message_the_good_is_stored_and_the_whole_is_a_dead_letter,
    test_the_events_of_a_message_are_stored,
    test_what_holds_no_event_is_a_dead_letter_as_it_came,
)

__all__ = [
    "consumer",
    "test_an_empty_list_is_taken_and_nothing_becomes_of_it",
    "test_of_a_mixed_message_the_good_is_stored_and_the_whole_is_a_dead_letter",
    "test_the_events_of_a_message_are_stored",
    "test_what_holds_no_event_is_a_dead_letter_as_it_came",
]


@pytest.fixture(scope="module")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url
