"""The process that answers about patients with many events: `consumer_app.queries.apart` asks it.

`python -m consumer_app.queries.answering` reads queries, each behind a line with its size. For each
it writes the answer in parts, each behind a line with its size, and behind the last one `0` and a
line with how it ended.
"""

import asyncio
import pickle
import re
import resource
import sys
from datetime import datetime
from pathlib import Path

import msgspec

from consumer_app.queries.answers import answer_to
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.settings import ConsumerSettings
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from consumer_app.storage.store import EventStore
from runtime.settings import load_settings

COMMAND = (sys.executable, "-m", "consumer_app.queries.answering")

# Of what a container may take, the service itself does with so much.
_SERVICE_BYTES = 224 * 1024 * 1024
_LEAST_BYTES = 128 * 1024 * 1024
# Python gives back little of what it has taken: behind an answer that took so much, in KiB, another
# process is to begin anew.
_MUCH = 192 * 1024


class End(msgspec.Struct):
    """How an answer ended: with all of it, or with what was wrong."""

    last_received_at: datetime | None = None
    is_unreadable: bool = False
    is_too_much: bool = False
    unavailable: str | None = None
    took_much: bool = False
    """Whether the process holds much memory now, and should be asked nothing more."""


_write_end = msgspec.json.Encoder().encode
read_end = msgspec.json.Decoder(End).decode


async def _main() -> None:
    settings = load_settings(ConsumerSettings)
    async with EventStore.at(settings.database_url, settings.terms()) as store:
        while size := await asyncio.to_thread(sys.stdin.buffer.readline):
            query = pickle.loads(sys.stdin.buffer.read(int(size)))  # noqa: S301 - of our own parent
            end = await _written(store, query)
            end.took_much |= _peak() > _MUCH
            _write(b"0\n" + _write_end(end) + b"\n")


async def _written(store: EventStore, query: PeriodsQuery) -> End:
    try:
        events, last_received_at = await store.read_all(query.patient_id, query.medication_name)
        for part in answer_to(query, events):
            if part:
                _write(b"%d\n" % len(part))
                _write(part)
    except UnreadableEvents:
        return End(is_unreadable=True)
    except DatabaseUnavailable as error:
        return End(unavailable=str(error))
    except MemoryError:
        return End(is_too_much=True, took_much=True)
    return End(last_received_at=last_received_at)


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _peak() -> int:
    """Return the most memory in KiB that this process held; what began it is not counted."""
    peak = re.search(r"VmHWM:\s+(\d+)", _read(Path("/proc/self/status")))
    return int(peak[1]) if peak else 0


def _limit_memory() -> None:
    """Leave the service what it needs: where the container is full, all in it is ended."""
    limits = (Path("/sys/fs/cgroup", name) for name in _CGROUP_LIMITS)
    allowed = [int(limit) for each in limits if (limit := _read(each)).isdecimal()]
    if allowed:
        most = max(_LEAST_BYTES, min(allowed) - _SERVICE_BYTES)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


_CGROUP_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    _limit_memory()
    asyncio.run(_main())
