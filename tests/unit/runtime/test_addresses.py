"""Of several addresses the first that can be reached is taken, and a refusal is the last word."""

import pytest
from aio_pika.exceptions import ProbableAuthenticationError
from pydantic import AmqpDsn
from yarl import URL

from runtime.addresses import first_reached, with_heartbeat
from runtime.broker_errors import BrokerRefused, BrokerUnavailable

ADDRESSES = with_heartbeat(AmqpDsn(f"amqp://guest:secret@{host}:5672/") for host in "abc")


class Network:
    """Answers for each host with what is put there, and remembers who was asked."""

    def __init__(self, **errors: Exception) -> None:
        self.asked: list[str | None] = []
        self._errors = errors

    async def connected(self, address: URL) -> str | None:
        self.asked.append(address.host)
        if error := self._errors.get(str(address.host)):
            raise error
        return address.host


async def test_the_first_address_that_can_be_reached_is_taken() -> None:
    network = Network(a=OSError("no route"))

    assert await first_reached(ADDRESSES, network.connected) == "b"
    assert network.asked == ["a", "b"]


async def test_an_address_that_refuses_us_ends_the_tries() -> None:
    network = Network(a=TimeoutError(), b=ProbableAuthenticationError("wrong password"))

    with pytest.raises(BrokerRefused, match="can't be reached at b:5672: wrong password"):
        await first_reached(ADDRESSES, network.connected)
    assert network.asked == ["a", "b"]


async def test_where_none_can_be_reached_each_is_named_without_its_password() -> None:
    network = Network(a=TimeoutError(), b=OSError("no route"), c=RuntimeError("closed"))

    with pytest.raises(BrokerUnavailable) as raised:
        await first_reached(ADDRESSES, network.connected)
    assert str(raised.value).split("; ") == [
        "RabbitMQ can't be reached at a:5672: TimeoutError",
        "RabbitMQ can't be reached at b:5672: no route",
        "RabbitMQ can't be reached at c:5672: closed",
    ]
