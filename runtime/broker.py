"""The connection to RabbitMQ that both services make, and what readiness asks of it."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import stamina
from aio_pika import RobustConnection, connect
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, AuthenticationError, ProbableAuthenticationError
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelPreconditionFailed,
    ConnectionClosed,
    ConnectionNotAllowed,
)
from faststream.exceptions import IncorrectState
from faststream.rabbit import Channel, RabbitBroker
from pamqp.commands import Connection
from pydantic import AmqpDsn
from yarl import URL

from contracts.topology import EVENTS_QUEUE, declare_dead_letters, declare_topology

_TIMEOUT_SECONDS = 5.0
_RECONNECT_INTERVAL_SECONDS = 1.0
# aiormq gives up a connection on which it has heard nothing for three times this and 3 seconds.
_HEARTBEAT_SECONDS = 5


# FastStream raises IncorrectState before a connection and between two of them, and aiormq
# StopAsyncIteration when a connection ends in the middle of its handshake.
_CLIENT_ERRORS = (AMQPError, OSError, RuntimeError, IncorrectState, StopAsyncIteration)
# aiormq takes the answer to a virtual host that is refused, or down, for a frame out of place, and
# so does not tell which, unless it knows that this may be an answer.
Connection.Open.valid_responses.append(Connection.Close.name)
_NOT_ALLOWED = 530

_REFUSALS = (
    AuthenticationError,
    ProbableAuthenticationError,
    ConnectionNotAllowed,
    ChannelAccessRefused,
    ChannelPreconditionFailed,
)


class BrokerUnavailable(Exception):
    """RabbitMQ can't be reached now, or does not answer."""


class BrokerRefused(BrokerUnavailable):
    """RabbitMQ refuses what we ask for, and will each time: who we are, or what we declare."""


@contextmanager
def broker_errors(
    problem: str, kinds: type[Exception] | tuple[type[Exception], ...] = _CLIENT_ERRORS
) -> Iterator[None]:
    """Turn what RabbitMQ's client raises into BrokerUnavailable: the problem and its cause."""
    try:
        yield
    except BrokerUnavailable:
        raise
    except kinds as error:
        raise _judged(problem, error) from error
    except asyncio.CancelledError as error:
        # aio-pika cancels what waits for an answer on a connection that died without a word.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise BrokerUnavailable(f"{problem}: the connection died") from error


def _judged(problem: str, error: Exception) -> BrokerUnavailable:
    refused = isinstance(error, _REFUSALS) or (
        isinstance(error, ConnectionClosed) and error.args[:1] == (_NOT_ALLOWED,)
    )
    kind = BrokerRefused if refused else BrokerUnavailable
    return kind(f"{problem}: {str(error) or type(error).__name__}")


def _may_succeed(error: BaseException) -> bool:
    """Tell what may be better at the next try from what RabbitMQ refuses each time.

    Whatever else an attempt raises is an attempt that failed. stamina raises again what it is not
    told to try again, and StopAsyncIteration would then end its own loop without a word.
    """
    return isinstance(error, Exception) and not isinstance(error, BrokerRefused)


class _Changes:
    """Tells the log that RabbitMQ is away, and why, and that it is back: once each."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._problem: str | None = None

    def failed(self, error: BrokerUnavailable) -> None:
        """Hear that a start, or a connection before it, has failed."""
        if _may_succeed(error):
            self._away(str(error))

    def closed(self, connection: Any, error: BaseException | None) -> None:  # noqa: ANN401
        """Hear that a connection has ended, or that a try to connect again has failed."""
        if not connection.close_called:
            self._away(f"RabbitMQ is away: {str(error) or type(error).__name__}")

    def _away(self, problem: str) -> None:
        if problem != self._problem:
            self._logger.warning("%s; trying again", problem)
            self._problem = problem

    def back(self, _: object = None) -> None:
        """Hear that there is a connection again, with all that hangs on it."""
        if self._problem is not None:
            self._logger.warning("RabbitMQ is back")
            self._problem = None


class RetryingBroker(RabbitBroker):
    """A broker that tries to connect, and to start, for as long as it takes."""

    def __init__(self, url: str, logger: logging.Logger, **options: Any) -> None:  # noqa: ANN401
        self._changes = _Changes(logger)
        super().__init__(
            url,
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
        async for attempt in stamina.retry_context(_may_succeed, attempts=None, timeout=None):
            with attempt:
                await self._start_once()

    async def _start_once(self) -> None:
        try:
            with broker_errors("RabbitMQ went away during the start, or refused it", Exception):
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
        async for attempt in stamina.retry_context(_may_succeed, attempts=None, timeout=None):
            with attempt:
                try:
                    return await self._connect_once()
                except BrokerUnavailable as problem:
                    self._changes.failed(problem)
                    raise
        raise AssertionError("unreachable: the attempts have no end")

    async def _connect(self) -> RobustConnection:
        """Give a connection up on which no channel can be opened.

        Nobody would hold it, and it would connect again for as long as the process lives.
        """
        opened: list[RobustConnection] = []

        def new_connection(*arguments: Any, **options: Any) -> RobustConnection:  # noqa: ANN401
            opened.append(RobustConnection(*arguments, **options))
            return opened[-1]

        self._connection_kwargs["connection_class"] = new_connection
        try:
            return await super()._connect()
        except BaseException:
            for connection in opened:
                with suppress(Exception):
                    await connection.close()
            raise

    async def _connect_once(self) -> RobustConnection:
        connecting = asyncio.ensure_future(super().connect())
        with broker_errors("RabbitMQ can't be reached", Exception):
            try:
                return await asyncio.shield(connecting)
            except asyncio.CancelledError:
                # aio-pika's own task takes no cancelling, and would keep the process from
                # ending. It comes to its end by itself within the time limit of a connection.
                await asyncio.gather(connecting, return_exceptions=True)
                raise


def make_broker(
    url: AmqpDsn, logger: logging.Logger, default_channel: Channel | None = None
) -> RabbitBroker:
    """Build the broker that both services use."""
    return RetryingBroker(
        _with_heartbeat(url),
        logger,
        reconnect_interval=_RECONNECT_INTERVAL_SECONDS,
        timeout=_TIMEOUT_SECONDS,
        # FastStream logs two lines a message at this level.
        log_level=logging.DEBUG,
        description="Carries medication events from the publishers to the consumers.",
        default_channel=default_channel,
    )


async def connect_apart(url: AmqpDsn) -> AbstractConnection:
    """Open a connection beside the broker's; it does not connect again."""
    return await connect(_with_heartbeat(url), timeout=_TIMEOUT_SECONDS)


def _with_heartbeat(url: AmqpDsn) -> str:
    return str(URL(str(url)).update_query(heartbeat=_HEARTBEAT_SECONDS))


def make_channel(prefetch_count: int | None = None) -> Channel:
    """Describe a channel with confirms on which an unroutable message is an error."""
    return Channel(prefetch_count=prefetch_count, on_return_raises=True)


async def broker_problem(broker: RabbitBroker, *, consumers: int = 0) -> str | None:
    """Say why the broker can't serve us now, or None.

    Asks RabbitMQ itself for the events' queue: a connection may look open while it is dead, and
    a reconnected consumer may have no subscription (aio-pika#231).
    """
    if not await broker.ping(timeout=0.1):
        return "RabbitMQ is not connected"
    try:
        with broker_errors(f"RabbitMQ does not answer for queue {EVENTS_QUEUE.name}"):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                subscribed = await _subscribed(broker)
    except BrokerUnavailable as unavailable:
        return str(unavailable)
    if subscribed < consumers:
        return f"queue {EVENTS_QUEUE.name} has no consumer"
    return None


async def _subscribed(broker: RabbitBroker) -> int:
    connection = await broker.connect()
    async with connection.channel(publisher_confirms=False) as channel:
        queue = await channel.get_queue(EVENTS_QUEUE.name)
    return queue.declaration_result.consumer_count or 0
