"""Dead letters: messages that can never be stored, kept whole with the reason beside them."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Self

import stamina
from aio_pika.exceptions import ChannelInvalidStateError
from faststream.rabbit import RabbitBroker, RabbitMessage
from pydantic import BaseModel, Field

from contracts import RUN_HEADER, SOURCE_HEADER, DeadLetter, run_of_message
from contracts.topology import DEAD_LETTER_EXCHANGE, EVENTS_EXCHANGE, restore_dead_letters
from runtime.broker_errors import BrokerUnavailable, broker_errors
from runtime.confirms import publish_confirmed

logger = logging.getLogger(__name__)

REASON_HEADER = "dead-letter-reason"
TIME_HEADER = "dead-letter-time"
ORIGIN_HEADER = "dead-letter-origin"

_CONFIRM_TIMEOUT_SECONDS = 30.0
# For so long a letter keeps its room in memory from others.
_TRYING_SECONDS = 5.0
# Longer than one takes that has gone back to its queue until it comes and fails again.
_TOLD_SECONDS = 120.0
_MAX_RUN_BYTES = 1024


class DeadLetterHeaders(BaseModel):
    """What a dead letter says beside the body of the message."""

    reason: Annotated[
        str,
        Field(alias=REASON_HEADER, description="Why the message can never be stored."),
    ]
    time: Annotated[datetime, Field(alias=TIME_HEADER, description="Since when it is here.")]
    origin: Annotated[
        str,
        Field(alias=ORIGIN_HEADER, description="The exchange that the message came from."),
    ]
    run_id: Annotated[
        str | None,
        Field(
            alias=RUN_HEADER,
            description="The run of the message as it was written, where that is a text of at most "
            f"{_MAX_RUN_BYTES} bytes.",
        ),
    ] = None
    run_source: Annotated[
        str | None,
        Field(alias=SOURCE_HEADER, description="Who brought it, as it was written, likewise."),
    ] = None


class Death(NamedTuple):
    """Why a message is a dead letter, since when, the exchange that it came from, and its run."""

    reason: str
    time: str
    origin: str
    run: str

    @property
    def since(self) -> datetime | None:
        """Since when it is a dead letter, or None where that can't be read."""
        try:
            time = datetime.fromisoformat(self.time)
        except ValueError:
            return None
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    @classmethod
    def of(cls, headers: Mapping[str, Any]) -> Self:
        """Read the headers of a dead letter, ours or those that RabbitMQ itself adds."""
        if REASON_HEADER in headers:
            reason, time, origin = (str(headers.get(name, "")) for name in _HEADERS)
        else:
            death: Mapping[str, Any] = next(iter(headers.get("x-death") or ()), {})
            names = ("reason", "time", "exchange")
            reason, time, origin = (str(death.get(name, "unknown")) for name in names)
        run, refusal = run_of_message(headers)
        return cls(reason, time, origin, run or ("no run" if refusal is None else "unreadable run"))

    def headers(self) -> dict[str, str]:
        """Write it as a dead letter's headers, but for the run, which is kept as it was."""
        return dict(zip(_HEADERS, self, strict=False))


_HEADERS = (REASON_HEADER, TIME_HEADER, ORIGIN_HEADER)


def kept_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Give the headers that a message keeps when it becomes a dead letter, and when it is replayed.

    Its run and who brought it, as they were written, even where they break the contract; but what
    is no text of at most 1 KiB stays behind: all the headers of a message must fit into one of
    RabbitMQ's frames.
    """
    given = ((name, headers.get(name)) for name in (RUN_HEADER, SOURCE_HEADER))
    return {
        name: value
        for name, value in given
        if isinstance(value, str) and len(value.encode()) <= _MAX_RUN_BYTES
    }


def _is_ours(message: RabbitMessage) -> bool:
    """Tell whether it has not gone back to its queue, as it does when its channel is closed."""
    try:
        return not message.raw_message.channel.is_closed
    except ChannelInvalidStateError:
        return False


class DeadLetters:
    """Where messages are moved to that can never be stored."""

    def __init__(self, broker: RabbitBroker) -> None:
        self._broker = broker
        self._publisher = broker.publisher(
            exchange=DEAD_LETTER_EXCHANGE,
            persist=True,
            mandatory=True,
            schema=DeadLetter,
            title=DEAD_LETTER_EXCHANGE.name,
            description="Messages that can never be stored, with the reason in their headers.",
        )
        self._problem: tuple[float, str] | None = None

    async def problem(self) -> str | None:
        """Say why a message could not be moved, if that was of late and none has been since."""
        if self._problem is None or time.monotonic() - self._problem[0] > _TOLD_SECONDS:
            return None
        return self._problem[1]

    async def take(self, message: RabbitMessage, reason: str) -> None:
        """Move a message, its body untouched; return once that is confirmed.

        Raises:
            BrokerUnavailable: no queue takes it for some seconds: it is to be tried again when the
                message comes again.

        """
        kept = kept_headers(message.headers)
        if message.headers.get(RUN_HEADER) is not None and RUN_HEADER not in kept:
            reason += "; the run is not kept: replayed, the message belongs to none"

        def is_held(error: Exception) -> bool:
            return isinstance(error, BrokerUnavailable) and _is_ours(message)

        trying = stamina.retry_context(is_held, attempts=None, timeout=_TRYING_SECONDS)
        async for attempt in trying:
            with attempt:
                await self._move(message, reason)
        logger.warning("a message is a dead letter now: %s", reason)

    async def _move(self, message: RabbitMessage, reason: str) -> None:
        try:
            with broker_errors("a dead letter can't be moved to its queue"):
                await self._publish(message, reason)
        except BrokerUnavailable as unavailable:
            self._tell(str(unavailable))
            await self._restore()
            raise
        self._problem = None

    async def _publish(self, message: RabbitMessage, reason: str) -> None:
        raw = message.raw_message
        # What is moved from 1.0.0's queue comes by the exchange without a name.
        origin = raw.exchange or EVENTS_EXCHANGE.name
        death = (reason, datetime.now(UTC).isoformat(timespec="seconds"), origin)
        # Its own message id stays behind: of two letters with the same one, aiormq takes the
        # return of the first for that of the second, and the first for confirmed.
        async with asyncio.timeout(_CONFIRM_TIMEOUT_SECONDS):
            await publish_confirmed(
                self._broker,
                self._publisher,
                message.body,
                routing_key=raw.routing_key or "",
                headers=dict(zip(_HEADERS, death, strict=True)) | kept_headers(message.headers),
                content_type=message.content_type,
                again=self._problem is not None,
            )

    async def _restore(self) -> None:
        """Declare their queue again: it may have been deleted, or unbound."""
        with suppress(BrokerUnavailable), broker_errors("the dead letters can't be declared"):
            await restore_dead_letters(await self._broker.connect())

    def _tell(self, problem: str) -> None:
        if self._problem is None or problem != self._problem[1]:
            logger.warning("%s; trying again", problem)
        self._problem = time.monotonic(), problem
