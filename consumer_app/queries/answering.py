"""The process that answers about patients with many events: `consumer_app.queries.apart` asks it.

`python -m consumer_app.queries.answering LANE` reads queries. For each it writes the answer in
parts, each behind a line with its size, and behind the last one `0` and a line with how it ended.
"""

import asyncio
import os
import pickle
import sqlite3
import sys
import threading
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from consumer_app.memory import for_a_giant, for_many_events
from consumer_app.queries.gathering import GatheredAnswer
from consumer_app.queries.layouts import AsOf, Query, layout_of
from consumer_app.settings import ConsumerSettings
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from consumer_app.storage.store import EventStore
from runtime.child import limit_memory, questions, say
from runtime.settings import load_settings

COMMAND = (sys.executable, "-m", "consumer_app.queries.answering")

# What is read once, from the first event to the last, is of no use in memory.
_CACHE_BYTES = 2 * 1024 * 1024


class Lane(StrEnum):
    """Who waits behind whom."""

    MANY = "many"
    """Patients with many events, up to GIANT."""
    GIANT = "giant"


GIANT = 200_000
"""With more events than that, a patient keeps those waiting alone who have as many."""


class End(msgspec.Struct):
    """How an answer ended: with all of it, or with what was wrong."""

    last_received_at: datetime | None = None
    is_unreadable: bool = False
    is_giant: bool = False
    """Whether it was not begun, as it is for the other lane."""
    is_too_much: bool = False
    """Whether there is too little memory, which the process may still hold."""
    is_too_long: bool = False
    """Whether the temporary folder can't hold it."""
    unavailable: str | None = None


_write_end = msgspec.json.Encoder().encode
read_end = msgspec.json.Decoder(End).decode


async def _main(lane: Lane) -> None:
    settings = load_settings(ConsumerSettings)
    ran_out = asyncio.Event()

    def note(_: object, context: dict[str, Any]) -> None:
        # A driver that finds no memory for what it receives says that its connection is broken.
        if isinstance(context.get("exception"), MemoryError):
            ran_out.set()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(note)
    asked: asyncio.Queue[bytes] = asyncio.Queue()
    threading.Thread(target=_listen, args=(loop, asked), daemon=True).start()
    opened = EventStore.at(
        settings.database_url,
        settings.terms(),
        _CACHE_BYTES,
        read_only=not settings.receives,
    )
    async with opened as store:
        while True:
            query = pickle.loads(await asked.get())  # noqa: S301 - of our own parent
            end = await _written(store, query, lane, settings.quiet_after)
            end.is_too_much |= ran_out.is_set()
            say(b"0\n" + _write_end(end) + b"\n")


def _listen(loop: asyncio.AbstractEventLoop, asked: asyncio.Queue[bytes]) -> None:
    """Take questions over, until there is nobody to answer: in the middle of an answer, too."""
    try:
        for question in questions():
            loop.call_soon_threadsafe(asked.put_nowait, question)
    finally:
        os._exit(0)


async def _written(store: EventStore, query: Query, lane: Lane, quiet: timedelta) -> End:
    asked = query.patient_id, query.medication_name
    try:
        if lane is Lane.MANY and await store.has_more_than(GIANT, *asked):
            return End(is_giant=True)
        # Before all else, so that it holds for all.
        last_received_at = await store.last_received_at()
        layout = layout_of(query, AsOf(datetime.now(UTC), quiet))
        arrived = layout.needs_arrivals
        newest = await store.newest(query.patient_id) if arrived else None
        with closing(GatheredAnswer(layout, newest)) as answer:
            async with aclosing(store.medications(*asked, arrived=arrived)) as medications:
                async for reports in medications:
                    answer.add(reports)
                    # They are in use until there are the next ones.
                    reports.events.clear()
                    reports.arrivals.clear()
            for part in answer.parts():
                say(b"%d\n" % len(part) + part)
    except UnreadableEvents:
        return End(is_unreadable=True)
    except DatabaseUnavailable as error:
        return End(unavailable=str(error))
    except sqlite3.Error:
        # Not of the store, which has turned its errors into those above.
        return End(is_too_long=True)
    except MemoryError:
        return End(is_too_much=True)
    return End(last_received_at=last_received_at)


def main() -> None:
    """Answer queries of a lane, until there are no more."""
    lane = Lane(sys.argv[1])
    most = for_a_giant() if lane is Lane.GIANT else for_many_events()
    if most is not None:
        limit_memory(most)
    asyncio.run(_main(lane))


if __name__ == "__main__":
    main()
