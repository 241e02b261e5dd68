"""The connection to RabbitMQ that both services make, and what readiness asks of it."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

import stamina
from aio_pika import RobustChannel, RobustConnection
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.publisher import RabbitPublisher
from pydantic import AmqpDsn

from contracts.topology import EVENTS_QUEUE, declare_dead_letters, declare_topology
from runtime.address_words import is_unverified
from runtime.addresses import (
    CONNECT_SECONDS,
    FailoverConnection,
    first_reached,
    place,
    with_heartbeat,
)
from runtime.broker_errors import BrokerUnavailable, broker_errors, may_succeed
from runtime.given_topology import GivenChannel
from runtime.rights import check_may_publish

_ANSWER_SECONDS = 5.0
_RECONNECT_INTERVAL_SECONDS = 1.0


class _Changes:
    """Tells the log that RabbitMQ is away, for each reason once, and that it is back."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: set[str] = set()

    def failed(self, error: BrokerUnavailable) -> None:
        """Hear that a start, or a connection before it, has failed."""
        if may_succeed(error):
            self._away(str(error))

    def closed(self, connection: Any, error: BaseException | None) -> None:  # noqa: ANN401
        """Hear that a connection has ended, or that a try to connect again has failed."""
        if not connection.close_called:
            cause = str(error) or type(error).__name__
            self._away(f"RabbitMQ is away: {place(connection.url)}: {cause}")

    def _away(self, problem: str) -> None:
        if problem not in self._told:
            self._logger.warning("%s; trying again", problem)
            self._told.add(problem)

    def back(self, _: object = None) -> None:
        """Hear that there is a connection again, with all that hangs on it."""
        if self._told:
            self._logger.warning("RabbitMQ is back")
            self._told.clear()


class RetryingBroker(RabbitBroker):
    """A broker that tries to connect, and to start, for as long as it takes, at each address."""

    def __init__(
        self,
        urls: Iterable[AmqpDsn],
        logger: logging.Logger,
        *,
        declares: bool,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Without ``declares`` the user may have no right to: somebody else does it."""
        self._urls = tuple(urls)
        self._addresses = with_heartbeat(self._urls)
        self._declares = declares
        self._changes = _Changes(logger)
        super().__init__(
            self._addresses[0],
            logger=logger,
            on_close=[self._changes.closed],
            on_reconnected=[self._changes.back],
            **options,
        )

    async def start(self) -> None:
        """Connect, declare everything and subscribe; anew if RabbitMQ goes away meanwhile.

        Raises:
            BrokerRefused: another try would be refused, too.

        """
        async for attempt in stamina.retry_context(may_succeed, attempts=None, timeout=None):
            with attempt:
                await self._start_once()

    async def _start_once(self) -> None:
        try:
            with broker_errors("RabbitMQ went away during the start, or refused it", Exception):
                if not self._declares:
                    # Before: a user may be allowed one connection.
                    await check_may_publish(self._urls, self._published_to())
                await self.connect()
                # First: a subscriber may move a message to the dead letters at once.
                await declare_dead_letters(self)
                # The subscriber declares its queue itself: FastStream consumes on the channel on
                # which the queue was declared, and this one alone has the prefetch limit.
                await super().start()
                await declare_topology(self)
        except BrokerUnavailable as problem:
            self._changes.failed(problem)
            await self._let_go()
            raise
        self._changes.back()

    def _published_to(self) -> list[tuple[str, str]]:
        """Name the exchange and the routing key of each publisher."""
        publishers = cast(Iterable[RabbitPublisher], self.publishers)
        return [(each.exchange.name, each.routing()) for each in publishers]

    async def _let_go(self) -> None:
        """Give the connection up, in whatever state it is."""
        connection, logger = self._connection, logging.getLogger(__name__)
        try:
            if connection is not None:
                # Before the subscribers end: over an open connection they would ask RabbitMQ.
                await connection.close()
            await self.stop()
        except Exception as error:  # noqa: BLE001 - the next start is on a connection of its own
            logger.warning("the connection broke while it was closed: %s", type(error).__name__)
            # A channel that stays would keep the next connection from getting one.
            self._connection = self._channel = None
            self.config.disconnect()

    async def connect(self) -> RobustConnection:
        """Connect, again and again; cancel it to give up.

        Raises:
            BrokerRefused: another try would be refused, too.

        """
        async for attempt in stamina.retry_context(may_succeed, attempts=None, timeout=None):
            with attempt:
                try:
                    return await self.connect_once()
                except BrokerUnavailable as problem:
                    self._changes.failed(problem)
                    raise
        raise AssertionError("unreachable: the attempts have no end")

    async def connect_once(self) -> RobustConnection:
        """Connect to the first address that can be reached, each tried once.

        Raises:
            BrokerRefused: one of them was reached, and refuses us.
            BrokerUnavailable: none of them can be reached.

        """
        # Each that fails goes behind the others, so that the next one is in front by its turn.
        in_front = (self._addresses[0] for _ in range(len(self._addresses)))
        return await first_reached(in_front, lambda _: self._connect_to_first())

    async def _connect(self) -> RobustConnection:
        """Give a connection up on which no channel can be opened.

        Nobody would hold it, and it would connect again for as long as the process lives.
        """
        opened: list[RobustConnection] = []

        def new_connection(_: object, **options: Any) -> RobustConnection:  # noqa: ANN401
            channels = RobustChannel if self._declares else GivenChannel
            opened.append(FailoverConnection(self._addresses, channels, **options))
            return opened[-1]

        self._connection_kwargs["connection_class"] = new_connection
        try:
            # The connection has a limit of its own; this one is for the channel on it.
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                return await super()._connect()
        except BaseException:
            for connection in opened:
                with suppress(Exception):
                    await connection.close()
            raise

    async def _connect_to_first(self) -> RobustConnection:
        connecting = asyncio.ensure_future(super().connect())
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # aio-pika's own task takes no cancelling, and would keep the process from ending. It
            # comes to its end by itself within the limits of a connection and its channel.
            await asyncio.gather(connecting, return_exceptions=True)
            raise


def make_broker(
    urls: Iterable[AmqpDsn],
    logger: logging.Logger,
    default_channel: Channel | None = None,
    *,
    declares: bool = True,
) -> RetryingBroker:
    """Build the broker that both services use, at the addresses of one cluster.

    Without ``declares`` exchanges and queues are taken to be there, and are never declared.
    """
    urls = tuple(urls)
    if any(map(is_unverified, urls)):
        logger.warning("RABBITMQ_VERIFY=false: whoever answers is taken for RabbitMQ")
    return RetryingBroker(
        urls,
        logger,
        declares=declares,
        reconnect_interval=_RECONNECT_INTERVAL_SECONDS,
        timeout=CONNECT_SECONDS,
        # FastStream logs two lines a message at this level.
        log_level=logging.DEBUG,
        description="Carries medication events from the publishers to the consumers.",
        default_channel=default_channel,
    )


async def declare_all(urls: Iterable[AmqpDsn], *, patience: float = 0) -> None:
    """Declare all exchanges and queues, and end: for a user who may, so that others need not.

    RabbitMQ is tried once, or again and again for as many seconds as there is ``patience``.

    Raises:
        BrokerRefused: RabbitMQ refuses it: who we are, a right, or another thing of the same name.
        BrokerUnavailable: no address can be reached, or there is no answer.

    """
    broker = make_broker(urls, logging.getLogger(__name__))
    try:
        if patience:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await broker.connect()
        await broker.connect_once()
        with broker_errors("RabbitMQ has not declared all"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                await declare_topology(broker)
    finally:
        await broker.stop()


def make_channel(prefetch_count: int | None = None) -> Channel:
    """Describe a channel with confirms on which an unroutable message is an error."""
    return Channel(prefetch_count=prefetch_count, on_return_raises=True)


async def broker_problem(broker: RabbitBroker, *, consumers: int = 0) -> str | None:
    """Say why the broker can't serve us now, or None.

    RabbitMQ itself is asked for a channel, which needs no right: a connection may look open while
    it is dead. It tells of each subscription that it ends.
    """
    if not await broker.ping(timeout=0.1):
        return "RabbitMQ is not connected"
    try:
        with broker_errors("RabbitMQ does not answer"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                connection = cast(FailoverConnection, await broker.connect())
                async with connection.channel(publisher_confirms=False):
                    pass
    except BrokerUnavailable as unavailable:
        return str(unavailable)
    if connection.subscriptions < consumers:
        return f"there is no subscription to queue {EVENTS_QUEUE.name}"
    return None
