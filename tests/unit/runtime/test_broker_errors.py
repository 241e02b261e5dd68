"""What RabbitMQ refuses is told in one line, with what to do about it."""

import pytest
from aiormq.exceptions import (
    AMQPError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from runtime.broker_errors import BrokerRefused, BrokerUnavailable, broker_errors, may_succeed


def told(error: AMQPError) -> BrokerUnavailable:
    with pytest.raises(BrokerUnavailable) as raised, broker_errors("the start failed"):
        raise error
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("thing", "name"),
    [("queue", "medication-periods.v2"), ("exchange", "medication-events")],
)
@pytest.mark.parametrize(
    "difference",
    [
        "received '1000000000' but current is '20'",
        "received the value 'quorum' of type 'longstr' but current is none",
        "received none but current is the value '20' of type 'long'",
    ],
)
def test_what_was_declared_otherwise_is_named_with_its_argument_and_the_way_out(
    thing: str, name: str, difference: str
) -> None:
    said = f"inequivalent arg 'x-max' for {thing} '{name}' in vhost '/': {difference}"
    refused = told(ChannelPreconditionFailed(f"PRECONDITION_FAILED - {said}"))

    assert isinstance(refused, BrokerRefused)
    assert difference in str(refused)
    assert f"the x-max of a {thing} that is there never changes" in str(refused)
    first = {"queue": f"see to it that {name} is empty", "exchange": "stop who publishes to it"}
    assert f"{first[thing]}, and delete it" in str(refused)


def test_another_failed_precondition_has_no_such_advice() -> None:
    refused = told(ChannelPreconditionFailed("PRECONDITION_FAILED - fast reply consumer exists"))
    assert str(refused) == "the start failed: PRECONDITION_FAILED - fast reply consumer exists"


def test_a_right_that_is_missing_is_told_with_where_the_rights_are_listed() -> None:
    refused = told(ChannelAccessRefused("ACCESS_REFUSED - access to queue 'q' refused"))

    assert isinstance(refused, BrokerRefused)
    assert "docs/rabbitmq.md lists the rights" in str(refused)


def test_what_nobody_has_declared_yet_may_be_there_at_the_next_try() -> None:
    missing = told(ChannelNotFoundEntity("NOT_FOUND - no queue 'q' in vhost '/'"))

    assert may_succeed(missing)
    assert "`python -m consumer_app declare` declares what is missing" in str(missing)
