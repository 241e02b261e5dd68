"""Publishing an input from end to end: rows in, confirmed messages and rejects out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from contracts import MedicationEvent
from publisher_app.batches import in_batches
from publisher_app.formats.mapping import EventReader
from publisher_app.formats.rows import rows_of
from publisher_app.inputs.files import OpenInput
from publisher_app.publishing import EventPublisher
from publisher_app.rejects import Rejects, rejects_path, remove_earlier_rejects
from publisher_app.settings import PublisherSettings


@dataclass
class Tally:
    """How far the publishing of an input has come."""

    published: int = 0
    """Events that RabbitMQ has confirmed."""
    rejected: int = 0
    bytes_read: int = 0
    size: int | None = None
    """Bytes in all, where the input can tell."""
    rejects: Path | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def __str__(self) -> str:
        sentence = f"published {self.published}, rejected {self.rejected} in {self.seconds:.1f} s"
        return f"{sentence}; the rejects are in {self.rejects}" if self.rejected else sentence


async def publish_input(
    opened: OpenInput,
    publisher: EventPublisher,
    settings: PublisherSettings,
    tally: Tally,
    report: Callable[[Tally], None],
) -> None:
    """Publish what an open input holds; keep the ``tally`` and ``report`` it as it goes.

    Raises:
        UnreadableInput: the input can't be read, or not any further.
        NotConfirmed: RabbitMQ has not confirmed in time.
        OSError: the rejects can't be written.

    """
    with Rejects(settings.rejects or rejects_path(opened.name)) as rejects:
        tally.size, tally.rejects = opened.size, rejects.path
        reader = EventReader(settings.map, settings.timezone)
        events = reader.read(rows_of(opened.text), rejects.add)
        async with aclosing(in_batches(events, settings.batch_size)) as batches:
            async for published in _publish(batches, publisher, settings.window):
                tally.published += published
                tally.rejected, tally.bytes_read = rejects.count, opened.position
                report(tally)
        tally.rejected = rejects.count
    if not tally.rejected and settings.rejects is None:
        remove_earlier_rejects(opened.name)


async def _publish(
    batches: AsyncIterator[list[MedicationEvent]], publisher: EventPublisher, window: int
) -> AsyncIterator[int]:
    """Keep up to ``window`` messages unconfirmed; yield the number of events of each confirmed."""
    in_flight: dict[asyncio.Task[None], int] = {}
    try:
        async for batch in batches:
            in_flight[asyncio.create_task(publisher.publish(batch))] = len(batch)
            while len(in_flight) >= window:
                yield await _settle(in_flight)
        while in_flight:
            yield await _settle(in_flight)
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)


async def _settle(in_flight: dict[asyncio.Task[None], int]) -> int:
    """Wait until a message or more are confirmed; return the number of their events."""
    done, _ = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
    settled = [(task, in_flight.pop(task)) for task in done]
    return sum(count for task, count in settled if task.result() is None)
