"""Of several addresses the first that can be reached is taken, and a refusal is the last word."""

import logging
from collections.abc import Callable

import pytest
from aio_pika.exceptions import ProbableAuthenticationError
from aiormq.exceptions import ConnectionClosed, ConnectionNotAllowed
from pydantic import AmqpDsn
from yarl import URL

from local.ports import free_port
from runtime import broker
from runtime.addresses import first_reached, place, with_heartbeat
from runtime.broker import make_broker
from runtime.broker_errors import BrokerRefused, BrokerUnavailable
from tests.unit.amqp import amqp_server

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


@pytest.mark.parametrize(
    "refusal",
    [
        ProbableAuthenticationError("wrong password"),
        ConnectionNotAllowed("NOT_ALLOWED - vhost limits not found"),
        ConnectionClosed(530, "NOT_ALLOWED - vhost limits not found"),
    ],
)
async def test_an_address_that_refuses_us_ends_the_tries(refusal: Exception) -> None:
    network = Network(a=TimeoutError(), b=refusal)

    with pytest.raises(BrokerRefused) as raised:
        await first_reached(ADDRESSES, network.connected)
    assert str(raised.value) == f"RabbitMQ can't be reached at b:5672: {refusal}"
    assert network.asked == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (1) is reached",
        "NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is reached",
        "NOT_ALLOWED - connection refused: node connection limit (1) is reached",
    ],
)
@pytest.mark.parametrize("kind", [ConnectionNotAllowed, lambda text: ConnectionClosed(530, text)])
async def test_an_address_whose_connections_others_use_up_is_passed_over(
    kind: Callable[[str], Exception], text: str
) -> None:
    network = Network(a=kind(text))

    assert await first_reached(ADDRESSES, network.connected) == "b"


async def test_where_none_can_be_reached_each_is_named_without_its_password() -> None:
    network = Network(a=TimeoutError(), b=OSError("no route"), c=RuntimeError("closed"))

    with pytest.raises(BrokerUnavailable) as raised:
        await first_reached(ADDRESSES, network.connected)
    assert str(raised.value).split("; ") == [
        "RabbitMQ can't be reached at a:5672: TimeoutError",
        "RabbitMQ can't be reached at b:5672: no route",
        "RabbitMQ can't be reached at c:5672: closed",
    ]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("amqp:///", "localhost:5672"),
        ("amqps://user:p%40ss@a/hospital", "a:5671"),
        ("amqp://[::1]:1/", "[::1]:1"),
    ],
)
def test_what_is_left_out_of_an_address_is_named_too(url: str, named: str) -> None:
    (address,) = with_heartbeat([AmqpDsn(url)])

    assert place(address) == named


async def test_each_try_names_the_address_that_it_is_for() -> None:
    ports = [free_port(), free_port(), free_port()]
    urls = [AmqpDsn(f"amqp://guest:guest@127.0.0.1:{port}/") for port in ports]
    connecting = make_broker(urls, logging.getLogger(__name__))

    for _ in range(2):
        with pytest.raises(BrokerUnavailable) as raised:
            await connecting.connect_once()
        problems = str(raised.value).split("; ")
        for problem, port in zip(problems, ports, strict=True):
            assert problem.startswith(f"RabbitMQ can't be reached at 127.0.0.1:{port}: ")
            assert problem.endswith(f"('127.0.0.1', {port})")


async def test_a_node_that_opens_no_channel_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "CONNECT_SECONDS", 0.5)
    async with amqp_server(mute={"Channel.Open"}) as frozen, amqp_server() as other:
        connecting = make_broker(
            [AmqpDsn(frozen.url), AmqpDsn(other.url)], logging.getLogger(__name__)
        )
        await connecting.connect_once()
        await connecting.stop()

    assert (frozen.opened, other.opened) == (0, 1)
