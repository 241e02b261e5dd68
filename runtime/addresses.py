"""RabbitMQ's addresses: the nodes of a cluster, of which the first that can be reached is taken."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiormq
from aio_pika import RobustChannel, RobustConnection, connect
from aio_pika.abc import AbstractConnection
from faststream.rabbit.utils import build_url
from pydantic import AmqpDsn
from yarl import URL

from runtime.broker_errors import BrokerRefused, BrokerUnavailable, broker_errors

CONNECT_SECONDS = 5.0
"""How long one address is waited for."""
# aiormq gives up a connection on which it has heard nothing for three times this and 3 seconds.
_HEARTBEAT_SECONDS = 5
_FAREWELL_SECONDS = 1.0
# Nobody else would hold them.
_farewells: set["asyncio.Task[None]"] = set()

Connected = TypeVar("Connected")


def with_heartbeat(urls: Iterable[AmqpDsn]) -> deque[URL]:
    """Write the addresses in full, with what is left out of them, as the client takes them."""
    return deque(build_url(str(url)).update_query(heartbeat=_HEARTBEAT_SECONDS) for url in urls)


def place(address: URL) -> str:
    """Name an address by what tells it from the others, and is no secret: host and port."""
    return address.raw_authority.rpartition("@")[2]


class FailoverConnection(RobustConnection):
    """Connects to the next address when its connection is lost, or can't be made.

    The addresses are shared with the connections that are made after it: the first of them is the
    one to try now.
    """

    def __init__(
        self,
        addresses: deque[URL],
        channel_class: type[RobustChannel],
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(addresses[0], **options)
        self._addresses = addresses
        self.CHANNEL_CLASS = channel_class

    @property
    def subscriptions(self) -> int:
        """How many subscriptions RabbitMQ has confirmed to this connection, and not ended since.

        After a reconnect it may have none, though it was told to restore them (aio-pika#231).
        """
        if self.transport is None:
            return 0
        channels = self.transport.connection.channels.values()
        return sum(
            len(each.consumers)
            for each in channels
            if isinstance(each, aiormq.Channel) and not each.is_closed
        )

    async def _on_connection_close(self, closing: "asyncio.Future[Any]") -> None:
        # Once for each connection and each try. Who listens hears first, and of the old address.
        await super()._on_connection_close(closing)
        self._addresses.rotate(-1)
        self.url = self._addresses[0]


async def first_reached(
    addresses: Iterable[URL], connected: Callable[[URL], Awaitable[Connected]]
) -> Connected:
    """Connect to the first address that can be reached, each tried once.

    Raises:
        BrokerRefused: one of them was reached, and refuses us.
        BrokerUnavailable: none of them can be reached.

    """
    problems: list[BrokerUnavailable] = []
    for address in addresses:
        try:
            with broker_errors(f"RabbitMQ can't be reached at {place(address)}", Exception):
                return await connected(address)
        except BrokerRefused:
            raise
        except BrokerUnavailable as problem:
            problems.append(problem)
    raise BrokerUnavailable("; ".join(map(str, problems))) from problems[-1].__cause__


@asynccontextmanager
async def connected_apart(urls: Iterable[AmqpDsn]) -> AsyncIterator[AbstractConnection]:
    """Have a connection beside the broker's for as long as the context lasts, or until it is lost.

    Raises:
        BrokerRefused: one of the addresses was reached, and refuses us.
        BrokerUnavailable: none of them can be reached.

    """
    connection = await first_reached(
        with_heartbeat(urls), lambda address: connect(address, timeout=CONNECT_SECONDS)
    )
    try:
        yield connection
    finally:
        # One that RabbitMQ does not read is never closed in good order. After some seconds the
        # client drops it, unless it is cancelled: nobody has to wait for that.
        closing = asyncio.create_task(connection.close())
        _farewells.add(closing)
        closing.add_done_callback(_farewells.discard)
        # Whoever is cancelled waits, too: a loop that ends would cancel what is left.
        farewell = asyncio.create_task(asyncio.wait([closing], timeout=_FAREWELL_SECONDS))
        try:
            await asyncio.shield(farewell)
        except asyncio.CancelledError:
            await farewell
            raise
