"""Publishing: an event counts as published when RabbitMQ has confirmed that it is in a queue."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self, TypeVar

import stamina
from aio_pika.exceptions import AMQPChannelError, DeliveryError
from faststream.rabbit import RabbitBroker
from msgspec.structs import replace

from contracts import (
    MAX_EVENTS,
    MedicationEvents,
    MessageHeaders,
    RecordVersion,
    Report,
    headers_of,
    write_message,
)
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY
from publisher_app.failures import NotConfirmed
from publisher_app.settings import PublisherSettings
from runtime.broker import make_broker, make_channel
from runtime.broker_errors import BrokerRefused, BrokerUnavailable, broker_errors
from runtime.confirms import publish_confirmed

Value = TypeVar("Value")

logger = logging.getLogger("publisher_app")

OPERATIONS = {EVENTS_EXCHANGE.name: ("publishMedicationEvents", MessageHeaders)}
"""What is done on each channel, with which headers, as the AsyncAPI document has it."""

MOST_MESSAGE_BYTES = 1_000_000
"""What is more than that goes out in several messages: what they take in memory stays small."""

_CONFIRM_TIMEOUT_SECONDS = 10.0
# That RabbitMQ is there and takes nothing: no queue, no exchange, no right.
_ANSWERS = (DeliveryError, AMQPChannelError)
# Not for ever: no request comes to show that all is well again while the service is not ready.
_TOLD_SECONDS = 30.0
_FAREWELL_TIMEOUT_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.1


class EventPublisher:
    """Publishes events through a broker, each message confirmed."""

    def __init__(self, broker: RabbitBroker, *, give_up_after: float) -> None:
        """``give_up_after`` is the time in seconds for which anything is tried again."""
        self.broker = broker
        self._publisher = broker.publisher(
            exchange=EVENTS_EXCHANGE,
            routing_key=ROUTING_KEY,
            persist=True,
            mandatory=True,
            schema=MedicationEvents,
            title=EVENTS_EXCHANGE.name,
            description="Medication events as they were reported, one or a list of them.",
        )
        self._give_up_after = give_up_after
        self._problem: tuple[float, str] | None = None

    @classmethod
    def of(cls, settings: PublisherSettings) -> Self:
        """Make the publisher, and the broker under it, that the settings describe."""
        broker = make_broker(
            settings.rabbitmq_urls, logger, make_channel(), declares=settings.declare
        )
        return cls(broker, give_up_after=settings.give_up_after)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect and declare the topology for as long as the context lasts.

        That is for a program of its own: in a service, the FastStream app does it.

        Raises:
            NotConfirmed: RabbitMQ could not be reached until the time was up.

        """
        try:
            await self._connect()
            yield
        finally:
            # With a resource alarm RabbitMQ reads nothing of a publisher, a farewell neither.
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_TIMEOUT_SECONDS):
                    await self.broker.stop()

    async def _connect(self) -> None:
        limit = f"{self._give_up_after:g} s"
        try:
            with broker_errors(f"RabbitMQ can't be reached within {limit}"):
                async with asyncio.timeout(self._give_up_after):
                    await self.broker.start()
        except BrokerUnavailable as unavailable:
            raise NotConfirmed(str(unavailable)) from unavailable

    async def problem(self) -> str | None:
        """Say why RabbitMQ took no message, if that was of late and it has taken none since."""
        if self._problem is None or time.monotonic() - self._problem[0] > _TOLD_SECONDS:
            return None
        return self._problem[1]

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        """Publish reports as a message, or as several; return once all are confirmed.

        They belong to a ``run``, or to none, and were brought by a ``source``.

        Raises:
            NotConfirmed: no queue took it, or no confirmation came, until the time was up; or
                RabbitMQ refuses it, and will each time.

        """
        headers = headers_of(run, source)
        last = NotConfirmed(f"RabbitMQ has not confirmed: no answer in {self._give_up_after:g} s")

        def was_not_confirmed(error: Exception) -> bool:
            nonlocal last
            if isinstance(error, NotConfirmed):
                last = error
            return error is last and not isinstance(error.__cause__, BrokerRefused)

        # The time is up in the middle of a try, or of a pause, too.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._give_up_after):
                for body in bodies_of(reports):
                    try:
                        # To prepare for another try takes longer than the first one itself.
                        await self._publish_once(body, headers, again=False)
                    except NotConfirmed as error:
                        if not was_not_confirmed(error):
                            raise
                        await asyncio.sleep(_FIRST_PAUSE_SECONDS)
                        await self._publish_again(body, headers, was_not_confirmed)
                return
        raise last

    async def _publish_again(
        self, body: bytes, headers: dict[str, str], may_be_tried: Callable[[Exception], bool]
    ) -> None:
        async for attempt in stamina.retry_context(may_be_tried, attempts=None, timeout=None):
            with attempt:
                await self._publish_once(body, headers, again=True)

    async def _publish_once(self, body: bytes, headers: dict[str, str], *, again: bool) -> None:
        try:
            with broker_errors("RabbitMQ has not confirmed"):
                # The publisher's own time limit begins only once there is a connection.
                async with asyncio.timeout(_CONFIRM_TIMEOUT_SECONDS):
                    await publish_confirmed(
                        self.broker,
                        self._publisher,
                        body,
                        routing_key=ROUTING_KEY,
                        headers=headers,
                        content_type="application/json",
                        again=again,
                    )
        except BrokerUnavailable as unavailable:
            if isinstance(unavailable.__cause__, _ANSWERS):
                self._problem = time.monotonic(), str(unavailable)
            raise NotConfirmed(str(unavailable)) from unavailable
        self._problem = None


def bodies_of(reports: Sequence[Report]) -> Iterator[bytes]:
    """Write reports as one message, or as several of up to 1,000 events and MOST_MESSAGE_BYTES.

    A version of a record may be parted, too: it is what was reported under it in all messages.
    """
    body = write_message(reports)
    size = sum(each.size if isinstance(each, RecordVersion) else 1 for each in reports)
    if (len(body) <= MOST_MESSAGE_BYTES and size <= MAX_EVENTS) or size == 1:
        yield body
        return
    # It would be kept while its parts wait for their confirmations.
    del body
    for part in _parts(reports):
        yield from bodies_of(part)


def _parts(reports: Sequence[Report]) -> Iterable[Sequence[Report]]:
    """Part reports in two, or the one version of a record that they are."""
    first = reports[0]
    if len(reports) == 1 and isinstance(first, RecordVersion):
        return [[replace(first, events=[*events])] for events in _halves(first.events)]
    return _halves(reports)


def _halves(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    half = len(values) // 2
    return values[:half], values[half:]
