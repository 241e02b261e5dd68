"""The one way in: records of any input become confirmed messages, or rejects with a reason."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from contracts import RecordVersion, Report
from publisher_app.batches import in_batches, read_in_batches
from publisher_app.failures import Failure
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.recognition import Notes, Recognised
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
    versions: int = 0
    """Versions of records that it has confirmed, with their events among those."""
    rejected: int = 0
    notes: Notes = field(default_factory=Notes)
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def count(self, confirmed: Sequence[Report]) -> None:
        """Count what RabbitMQ has confirmed."""
        versions = [each for each in confirmed if isinstance(each, RecordVersion)]
        self.versions += len(versions)
        self.published += len(confirmed) - len(versions) + sum(len(e.events) for e in versions)

    def __str__(self) -> str:
        of_records = f" in {self.versions} versions of records" if self.versions else ""
        told = [
            f"published {self.published}{of_records}, rejected {self.rejected} "
            f"in {self.seconds:.1f} s",
            *(f"{note}: {times}" for note, times in sorted(self.notes.items())),
            *([f"run {self.run}"] if self.run else []),
        ]
        return "; ".join(told)


class Intake:
    """Takes inputs; each call is about one of them, from its beginning to its end.

    Up to ``window`` messages of an input wait for RabbitMQ's confirmation at once, each with up to
    ``batch_size`` events.
    """

    def __init__(self, publisher: EventPublisher, settings: PublisherSettings) -> None:
        self._publisher = publisher
        self._batch_size = settings.batch_size
        self._window = settings.window

    async def take(self, recognised: Recognised, reject: Reject, outcome: Outcome) -> None:
        """Take what is at hand; return once all of it is confirmed.

        Raises:
            Failure: not all are confirmed; ``outcome`` tells how far it came. What ``reject``
                raises, too.

        """
        await self.publish(list(_reports(recognised, reject, outcome)), outcome)

    async def publish(self, reports: Sequence[Report], outcome: Outcome) -> None:
        """Publish reports that are at hand, likewise."""
        await self._publish(in_batches(reports, self._batch_size), outcome)

    async def take_as_they_come(
        self,
        recognise: Callable[[], Recognised],
        reject: Reject,
        outcome: Outcome,
        report: Callable[[], None],
    ) -> None:
        """Take what is waited for, or is too much to be held: read beside the event loop.

        ``recognise`` and ``reject`` are called there, and ``report`` here, after each confirmation.
        Raises as ``take`` does, and what reading raises, behind what was read before it.
        """

        def read() -> Iterator[Report]:
            yield from _reports(recognise(), reject, outcome)

        await self._publish(read_in_batches(read(), self._batch_size), outcome, report)

    async def _publish(
        self,
        batches: AsyncGenerator[list[Report]],
        outcome: Outcome,
        report: Callable[[], None] = lambda: None,
    ) -> None:
        async with aclosing(batches), aclosing(self._confirmed(batches, outcome)) as confirmed:
            async for batch in confirmed:
                outcome.count(batch)
                report()

    async def _confirmed(
        self, batches: AsyncIterator[list[Report]], outcome: Outcome
    ) -> AsyncGenerator[list[Report]]:
        """Publish batches as messages; yield them as they are confirmed."""
        in_flight: dict[asyncio.Task[None], list[Report]] = {}
        failures: list[Failure] = []
        try:
            async for batch in _until_failure(batches, failures):
                publishing = self._publisher.publish(batch, outcome.run, outcome.source)
                in_flight[asyncio.create_task(publishing)] = batch
                while len(in_flight) >= self._window:
                    for confirmed in await _settle(in_flight):
                        yield confirmed
            while in_flight:
                for confirmed in await _settle(in_flight):
                    yield confirmed
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)
        for failure in failures:
            raise failure


def _reports(recognised: Recognised, reject: Reject, outcome: Outcome) -> Iterator[Report]:
    number = Repeats().number
    for record in recognised.records:
        try:
            for report in recognised.reports_of(record, outcome.notes):
                yield report if isinstance(report, RecordVersion) else number(report)
        except NoEvent as problem:
            outcome.rejected += 1
            reject(record, str(problem))


async def _until_failure(
    batches: AsyncIterator[list[Report]], failures: list[Failure]
) -> AsyncIterator[list[Report]]:
    """Yield the batches; keep what ends the reading: all before it is still to be confirmed."""
    try:
        async for batch in batches:
            yield batch
    except Failure as failure:
        failures.append(failure)


async def _settle(in_flight: dict[asyncio.Task[None], list[Report]]) -> list[list[Report]]:
    """Wait until a message or more are confirmed; return what they held."""
    done, _ = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
    confirmed = [task for task in done if task.exception() is None]
    # Those that are not confirmed stay, for the next call to tell of: first what is counts.
    for task in confirmed or done:
        task.result()
    return [in_flight.pop(task) for task in confirmed]
