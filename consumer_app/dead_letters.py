"""Dead letters: messages that can never be stored, kept whole with the reason beside them."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Self

from faststream.rabbit import RabbitBroker, RabbitMessage
from faststream.rabbit.publisher import RabbitPublisher
from pydantic import BaseModel, Field

from contracts import RUN_HEADER, DeadLetter, run_of_message
from contracts.topology import DEAD_LETTER_EXCHANGE

logger = logging.getLogger(__name__)

REASON_HEADER = "dead-letter-reason"
TIME_HEADER = "dead-letter-time"
ORIGIN_HEADER = "dead-letter-origin"

_CONFIRM_TIMEOUT_SECONDS = 30.0


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
        Any,
        Field(alias=RUN_HEADER, description="The run of the message as it was written, if any."),
    ] = None


class Death(NamedTuple):
    """Why a message is a dead letter, since when, the exchange that it came from, and its run."""

    reason: str
    time: str
    origin: str
    run: str

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


_HEADERS = (REASON_HEADER, TIME_HEADER, ORIGIN_HEADER)


def kept_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Give the headers that a message keeps when it becomes a dead letter, and when it is replayed.

    Its run, as it was written, even where it can't be read.
    """
    return {name: headers[name] for name in (RUN_HEADER,) if name in headers}


def dead_letter_publisher(broker: RabbitBroker) -> RabbitPublisher:
    """Declare, and document, that dead letters are published through this broker."""
    return broker.publisher(
        exchange=DEAD_LETTER_EXCHANGE,
        persist=True,
        schema=DeadLetter,
        title=DEAD_LETTER_EXCHANGE.name,
        description="Messages that can never be stored, with the reason in their headers.",
    )


async def move_to_dead_letters(
    dead_letters: RabbitPublisher, message: RabbitMessage, reason: str
) -> None:
    """Publish a message, its body untouched, to the dead letters; return once that is confirmed.

    Raises what the publishing raises; the message must then stay unacknowledged.
    """
    raw = message.raw_message
    death = (reason, datetime.now(UTC).isoformat(timespec="seconds"), raw.exchange or "")
    await dead_letters.publish(
        message.body,
        routing_key=raw.routing_key or "",
        headers=dict(zip(_HEADERS, death, strict=True)) | kept_headers(message.headers),
        content_type=message.content_type,
        message_id=message.message_id,
        timeout=_CONFIRM_TIMEOUT_SECONDS,
    )
    logger.warning("a message is a dead letter now: %s", reason)
