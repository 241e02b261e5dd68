"""`python -m benchmarks.growth`: a hospital's whole history goes in while queries are answered.

The events stand in a file in the order of time, of patients in a hospital's beds. They go through
the publisher, RabbitMQ and the consumer, all on this machine. It writes docs/growth.md and a
picture.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import aiohttp

from benchmarks.events import BEDS, patients_of, write_file
from benchmarks.growth_report import Growth, Sample, write
from benchmarks.machinery import Bench, is_stored, start_publisher, stored
from benchmarks.memory import held_by
from benchmarks.queries import Latency
from local.broker import private_broker
from local.postgres import private_postgres
from tests.databases import PostgresDatabase, SqliteFile, connect

_A_LINE = 1_000_000
_QUERIES_A_SECOND = 50
_IDLE_SECONDS = 20
_LOOK_SECONDS = 0.2
_MEBIBYTE = 1024 * 1024


class Milestone(NamedTuple):
    """The event that stands so far into a file: it is stored when all before it are, or nearly."""

    events: int
    patient_id: str
    event_id: str


class Watched(NamedTuple):
    """What is watched while it grows."""

    database_url: str
    asked_url: str
    processes: Mapping[str, Sequence[int]]
    """Their identifiers, by what they are; what they have started counts with them."""


def main() -> int:
    """Measure, write, print; return the exit status."""
    given = _arguments()
    with (
        tempfile.TemporaryDirectory() as folder,
        private_broker(Path(folder, "broker")) as broker,
        _database(given.database, Path(folder)) as url,
    ):
        print(f"writing {given.events:,} events to a file", flush=True)
        beds = None if given.scattered else BEDS
        file = write_file(Path(folder, "events.jsonl"), given.events, beds=beds)
        growth = _grow(Bench(broker, Path(folder)), url, file, given)
    print(write(given.database, growth))
    return 0


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    arguments.add_argument("--events", type=int, default=27_000_000)
    arguments.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    arguments.add_argument("--consumers", type=int, default=1)
    arguments.add_argument("--apart", action="store_true", help="ask a process that only answers")
    arguments.add_argument("--scattered", action="store_true", help="each event of any patient")
    return arguments.parse_args()


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    with nullcontext() if kind == "sqlite" else private_postgres() as postgres:
        yield (SqliteFile(folder) if postgres is None else PostgresDatabase(postgres)).url


def _grow(bench: Bench, url: str, file: Path, given: argparse.Namespace) -> Growth:
    environment = bench.environment(url)
    with bench.empty_queue(), ExitStack() as stack:
        running = [stack.enter_context(bench.consumer(environment)) for _ in range(given.consumers)]
        for consumer in running:
            consumer.wait_until_ready()
        asked = running[0]
        if given.apart:
            only_answers = environment | {"CONSUMER_RECEIVES": "false"}
            asked = stack.enter_context(bench.consumer(only_answers))
            asked.wait_until_ready()
        milestones = [*_milestones(file, given.events)]
        begin = time.monotonic()
        publisher = stack.enter_context(start_publisher(file, environment))
        stack.callback(publisher.kill)
        processes = {
            "publisher": [publisher.pid],
            "consumer": [consumer.process.pid for consumer in running],
            **({"answering": [asked.process.pid]} if given.apart else {}),
            "RabbitMQ": [bench.broker.pid],
        }
        watched = Watched(url, asked.url, processes)
        samples, idle = asyncio.run(_watch(watched, publisher, milestones, begin))
        if (count := stored(url)) != given.events:
            raise RuntimeError(f"{count:,} events are stored of {given.events:,}")
        return Growth(given.consumers, given.apart, given.scattered, samples, idle)


def _milestones(file: Path, events: int) -> Iterator[Milestone]:
    """Yield each millionth event of a file, and the last one."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if number % _A_LINE == 0 or number == events:
                event = json.loads(line)
                yield Milestone(number, event["patient_id"], event["event_id"])


async def _watch(
    watched: Watched,
    publisher: subprocess.Popen[str],
    milestones: Sequence[Milestone],
    begin: float,
) -> tuple[Sequence[Sample], Latency]:
    """Watch until all is stored; return the lines, and how fast the answers are afterwards."""
    samples: list[Sample] = []
    count, at = 0, begin
    patients = patients_of(milestones[-1].events)
    async with _queries(watched.asked_url, patients) as (times, asking):
        for reached, *event in milestones:
            # All of them are not counted: in a great table that would take the processor from those
            # who are measured.
            while not await asyncio.to_thread(is_stored, watched.database_url, *event):
                if asking.done():
                    asking.result()
                if publisher.poll():
                    raise RuntimeError(f"the publisher failed with status {publisher.returncode}")
                await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            rate = (reached - count) / (now - at)
            count, at = reached, now
            sample = Sample(
                events=count,
                seconds=now - begin,
                rate=rate,
                database_mebibytes=await _size(watched.database_url) / _MEBIBYTE,
                memory={
                    name: sum(map(held_by, pids)) / _MEBIBYTE
                    for name, pids in watched.processes.items()
                },
                latency=Latency.of(times),
            )
            times.clear()
            samples.append(sample)
            print(sample, flush=True)
        await asyncio.sleep(1)
        times.clear()
        await asyncio.sleep(_IDLE_SECONDS)
        return samples, Latency.of(times)


@asynccontextmanager
async def _queries(
    url: str, patients: Sequence[str]
) -> AsyncIterator[tuple[list[float], asyncio.Task[None]]]:
    """Ask about patients at random, so many times a second; give the milliseconds so far.

    The task that asks ends when a question is not answered, as by a consumer that has ended.
    """
    times: list[float] = []
    choose = random.Random(3)

    async def ask(client: aiohttp.ClientSession) -> None:
        started = time.perf_counter()
        query = {"patient_id": choose.choice(patients)}
        async with client.get(f"{url}/periods", params=query) as answer:
            answer.raise_for_status()
            await answer.read()
        times.append((time.perf_counter() - started) * 1000)

    async def ask_steadily() -> None:
        loop = asyncio.get_running_loop()
        begin, number = loop.time(), 0
        async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as asked:
            while True:
                await asyncio.sleep(begin + number / _QUERIES_A_SECOND - loop.time())
                asked.create_task(ask(client))
                number += 1

    asking = asyncio.create_task(ask_steadily())
    try:
        yield times, asking
    finally:
        asking.cancel()
        await asyncio.wait([asking])


async def _size(database_url: str) -> int:
    """Return the bytes of a database, with its log."""
    if database_url.startswith("postgresql"):
        connection = await connect(database_url)
        try:
            size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
        finally:
            await connection.close()
        return size
    file = Path(database_url.removeprefix("sqlite+aiosqlite:///"))
    return sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*"))


if __name__ == "__main__":
    sys.exit(main())
