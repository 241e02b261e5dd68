"""What RabbitMQ's client raises, told apart: it is away for now, or refuses us each time."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import AMQPError, AuthenticationError, ProbableAuthenticationError
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionClosed,
    ConnectionNotAllowed,
)
from faststream.exceptions import IncorrectState
from pamqp.commands import Connection

# FastStream raises IncorrectState before a connection and between two of them, and aiormq
# StopAsyncIteration when a connection ends in the middle of its handshake.
_CLIENT_ERRORS = (AMQPError, OSError, RuntimeError, IncorrectState, StopAsyncIteration)
# aiormq takes the answer to a virtual host that is refused, or down, for a frame out of place, and
# so does not tell which, unless it knows that this may be an answer.
Connection.Open.valid_responses.append(Connection.Close.name)
_NOT_ALLOWED = 530
# RabbitMQ answers so, too, while others use up all the connections that a user, a virtual host or a
# node may have: "… limit (1) is reached".
_LIMIT = re.compile(r"\blimit (?:of )?\(\d+\)")

# It goes on with what RabbitMQ has received and what it has: "… in vhost '/': received none but …".
_OTHER_ARGUMENT = re.compile(r"inequivalent arg '([^']*)' for (queue|exchange) '([^']*)'")

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
    cause = str(error) or type(error).__name__
    refused = isinstance(error, _REFUSALS) or (
        isinstance(error, ConnectionClosed) and error.args[:1] == (_NOT_ALLOWED,)
    )
    kind = BrokerRefused if refused and not _LIMIT.search(cause) else BrokerUnavailable
    return kind("; ".join([f"{problem}: {cause}", *_advice(error, cause)]))


def _advice(error: Exception, cause: str) -> Iterator[str]:
    """Say what to do about what RabbitMQ refuses by a word of its own."""
    if isinstance(error, ChannelAccessRefused):
        yield "docs/rabbitmq.md lists the rights that each user needs"
    if isinstance(error, ChannelNotFoundEntity):
        yield "`python -m consumer_app declare` declares what is missing"
    if other := _OTHER_ARGUMENT.search(cause):
        argument, thing, name = other.groups()
        first = (
            f"see to it that {name} is empty" if thing == "queue" else "stop who publishes to it"
        )
        yield (
            f"the {argument} of a {thing} that is there never changes: {first}, and delete it, so "
            "that it is declared anew (docs/rabbitmq.md)"
        )


def may_succeed(error: BaseException) -> bool:
    """Tell what may be better at the next try from what RabbitMQ refuses each time.

    Whatever else an attempt raises is an attempt that failed. stamina raises again what it is not
    told to try again, and StopAsyncIteration would then end its own loop without a word.
    """
    return isinstance(error, Exception) and not isinstance(error, BrokerRefused)
