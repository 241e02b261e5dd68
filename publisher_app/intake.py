"""The one way in: records of any input become confirmed messages, or rejects with a reason."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

from contracts import MedicationEvent
from publisher_app.batches import in_batches, read_in_batches
from publisher_app.failures import Failure
from publisher_app.formats.columns import Columns
from publisher_app.formats.mapping import FieldMapping, NoEvent
from publisher_app.formats.records import Record
from publisher_app.publishing import EventPublisher
from publisher_app.repeats import Repeats
from publisher_app.settings import PublisherSettings

Reject = Callable[[Record, str], None]
"""Keeps a record that is no event, with the reason."""


@dataclass
class Outcome:
    """What has become of an input's records so far."""

    run: str | None = None
    """The run that they belong to, if any."""
    source: str | None = None
    """Who has brought them, or from where."""
    published: int = 0
    """Events that RabbitMQ has confirmed."""
    rejected: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def __str__(self) -> str:
        counts = f"published {self.published}, rejected {self.rejected} in {self.seconds:.1f} s"
        return f"{counts}; run {self.run}" if self.run else counts


class Intake:
    """Takes the records of inputs; each call is about one input, from its beginning to its end.

    Up to ``window`` messages of an input wait for RabbitMQ's confirmation at once, each with up to
    ``batch_size`` events.
    """

    def __init__(self, publisher: EventPublisher, settings: PublisherSettings) -> None:
        self._publisher = publisher
        self.columns = Columns(settings.map)
        self._mapping = FieldMapping(self.columns, settings.timezone, settings.time_format)
        self._batch_size = settings.batch_size
        self._window = settings.window

    async def take(self, records: Iterable[Record], reject: Reject, outcome: Outcome) -> None:
        """Take records that are at hand; return once all of their events are confirmed.

        Raises:
            Failure: not all are confirmed; ``outcome`` tells how far it came. What ``reject``
                raises, too.

        """
        events = list(self._events(records, reject, outcome))
        await self._publish(in_batches(events, self._batch_size), outcome)

    async def take_as_they_come(
        self,
        records: Iterator[Record],
        reject: Reject,
        outcome: Outcome,
        report: Callable[[], None],
    ) -> None:
        """Take records that are waited for, or are too many to be held: read beside the event loop.

        ``reject`` is called there, and ``report`` here, after each confirmation. Raises as
        ``take`` does, and what ``records`` raises, behind what was read before it.
        """
        events = self._events(records, reject, outcome)
        await self._publish(read_in_batches(events, self._batch_size), outcome, report)

    def _events(
        self, records: Iterable[Record], reject: Reject, outcome: Outcome
    ) -> Iterator[MedicationEvent]:
        event_of, number = self._mapping.event_of, Repeats().number
        for record in records:
            try:
                yield number(event_of(record))
            except NoEvent as problem:
                outcome.rejected += 1
                reject(record, str(problem))

    async def _publish(
        self,
        batches: AsyncGenerator[list[MedicationEvent]],
        outcome: Outcome,
        report: Callable[[], None] = lambda: None,
    ) -> None:
        async with aclosing(batches), aclosing(self._confirmed(batches, outcome)) as confirmed:
            async for events in confirmed:
                outcome.published += events
                report()

    async def _confirmed(
        self, batches: AsyncIterator[list[MedicationEvent]], outcome: Outcome
    ) -> AsyncGenerator[int]:
        """Publish batches as messages; yield the number of events as they are confirmed."""
        in_flight: dict[asyncio.Task[None], int] = {}
        failures: list[Failure] = []
        try:
            async for batch in _until_failure(batches, failures):
                publishing = self._publisher.publish(batch, outcome.run, outcome.source)
                in_flight[asyncio.create_task(publishing)] = len(batch)
                while len(in_flight) >= self._window:
                    yield await _settle(in_flight)
            while in_flight:
                yield await _settle(in_flight)
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)
        for failure in failures:
            raise failure


async def _until_failure(
    batches: AsyncIterator[list[MedicationEvent]], failures: list[Failure]
) -> AsyncIterator[list[MedicationEvent]]:
    """Yield the batches; keep what ends the reading: all before it is still to be confirmed."""
    try:
        async for batch in batches:
            yield batch
    except Failure as failure:
        failures.append(failure)


async def _settle(in_flight: dict[asyncio.Task[None], int]) -> int:
    """Wait until a message or more are confirmed; return the number of their events."""
    done, _ = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
    confirmed = [task for task in done if task.exception() is None]
    # Those that are not confirmed stay, for the next call to tell of: first what is counts.
    for task in confirmed or done:
        task.result()
    return sum(in_flight.pop(task) for task in confirmed)
