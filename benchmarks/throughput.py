"""How many events a second are published and stored."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from benchmarks.events import events, lines, write_file
from benchmarks.machinery import (
    Bench,
    finish,
    peak_megabytes,
    start_publisher,
    stored,
    wait_until_stored,
)
from consumer_app.storage.backend import COLUMNS, STORED_EVENTS, Row, row
from consumer_app.storage.database import migrate, open_database, pragmas
from consumer_app.storage.sqlite import SqliteBackend
from consumer_app.storage.tables import microseconds
from contracts import MedicationEvent

_ROWS_A_STATEMENT = 1_024


class Backfill(NamedTuple):
    """Events a second from the publisher's start to the last commit; peak memory in MB."""

    events: int
    rate: float
    publisher_megabytes: float
    consumer_megabytes: float


def backfill(bench: Bench, file: Path, count: int, **settings: str) -> Backfill:
    """Publish a file to a running consumer, until all of it is in SQLite."""
    environment = bench.environment() | settings
    with bench.empty_queue(), bench.consumer(environment) as consumer:
        consumer.wait_until_ready()
        begin = time.monotonic()
        with start_publisher(file, environment) as publisher:
            published = finish(publisher)
        end = wait_until_stored(environment["DATABASE_URL"], count, poll=0.1)
        memory = peak_megabytes(consumer.process.pid)
    return Backfill(count, count / (end - begin), published.peak_megabytes, memory)


def raw_insert(bench: Bench, count: int) -> float:
    """Insert such rows, made before, into the same table from one process.

    With the same statements: many rows each, in the order of the key, in large commits.
    """
    file = bench.new_database()
    engine = open_database(f"sqlite+aiosqlite:///{file}")
    rows = _rows(events(count))
    asyncio.run(_migrate(engine))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in pragmas():
            connection.execute(pragma)
        begin = time.monotonic()
        for at in range(0, count, SqliteBackend.EVENTS_A_COMMIT):
            connection.execute("BEGIN IMMEDIATE")
            _insert(connection, sorted(rows[at : at + SqliteBackend.EVENTS_A_COMMIT]))
            connection.execute("COMMIT")
        return count / (time.monotonic() - begin)


def _rows(made: Sequence[MedicationEvent]) -> list[Row]:
    patients = {name: number for number, name in enumerate({each.patient_id for each in made})}
    medications = {name: number for number, name in enumerate({e.medication_name for e in made})}
    return [
        (
            patients[each.patient_id],
            medications[each.medication_name],
            *row(each, "", microseconds(each.event_time), received_at=0, run=0)[2:],
        )
        for each in made
    ]


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    for at in range(0, len(rows), _ROWS_A_STATEMENT):
        some = rows[at : at + _ROWS_A_STATEMENT]
        marks = ", ".join([f"({', '.join('?' * len(COLUMNS))})"] * len(some))
        connection.execute(
            f"INSERT OR ROLLBACK {STORED_EVENTS.into} VALUES {marks} ON CONFLICT DO NOTHING",  # noqa: S608
            [*chain.from_iterable(some)],
        )


async def _migrate(engine: object) -> None:
    await migrate(engine)  # type: ignore[arg-type]
    await engine.dispose()  # type: ignore[attr-defined]


def do_nothing(bench: Bench, count: int) -> float:
    """Let a handler that does nothing take so many messages of one event."""
    environment = bench.environment() | {"MESSAGES": str(count)}
    with bench.empty_queue():
        bench.fill([line.encode() for line in lines(count)])
        command = ["-m", "faststream", "run", "benchmarks.do_nothing:app"]
        return _printed_rate(command, environment)


def live(bench: Bench, count: int) -> float:
    """Let the consumer take so many messages of one event: committed and acknowledged."""
    environment = bench.environment()
    url = environment["DATABASE_URL"]
    with bench.empty_queue():
        bench.fill([line.encode() for line in lines(count)])
        with bench.consumer(environment):
            while (first := stored(url)) == 0:
                time.sleep(0.005)
            begin = time.monotonic()
            return (count - first) / (wait_until_stored(url, count) - begin)


def simple_peer(bench: Bench, count: int) -> float:
    """Let the simple peer store so many events."""
    with bench.empty_queue():
        bench.fill([line.encode() for line in lines(count)])
        command = ["-m", "benchmarks.simple_peer", str(count), str(bench.new_database())]
        return _printed_rate(command, bench.environment())


def _printed_rate(command: Sequence[str], environment: Mapping[str, str]) -> float:
    with subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        rate = float(process.stdout.readline())
        process.terminate()
    return rate


def publish_alone(bench: Bench, file: Path) -> float:
    """Publish a file while nobody consumes."""
    with bench.empty_queue():
        published = bench.publish(file, bench.environment())
    return published.events / published.seconds


def publish_barely(bench: Bench, file: Path) -> float:
    """Let the bare loop publish the same file while nobody consumes."""
    with bench.empty_queue():
        return _printed_rate(["-m", "benchmarks.bare_publisher", str(file)], bench.environment())


def consumers_on_postgres(bench: Bench, database_url: str, count: int, consumers: int) -> float:
    """Let several consumers share a full queue, and store it in one PostgreSQL."""
    environment = bench.environment(database_url)
    file = write_file(bench.folder / "shared.jsonl", count)
    with bench.empty_queue(), ExitStack() as stack:
        bench.publish(file, environment)
        for _ in range(consumers):
            stack.enter_context(bench.consumer(environment))
        while (first := stored(database_url)) == 0:
            time.sleep(0.02)
        begin = time.monotonic()
        return (count - first) / (wait_until_stored(database_url, count, poll=0.1) - begin)


def by_batch_size(bench: Bench, counts: Mapping[int, int]) -> dict[int, float]:
    """Measure the backfill by the number of events in a message; ``counts`` are events by size."""
    found = {}
    for size, count in counts.items():
        file = write_file(bench.folder / "batches.jsonl", count)
        found[size] = backfill(bench, file, count, PUBLISHER_BATCH_SIZE=str(size)).rate
    return found
