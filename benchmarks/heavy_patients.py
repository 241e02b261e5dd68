"""What a patient with very many events does to others, to the event loop and to memory."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import aiohttp
from msgspec.structs import replace

from benchmarks.events import one_history, one_patient
from benchmarks.machinery import Bench
from benchmarks.memory import peak_of
from benchmarks.queries import Latency, steadily
from consumer_app.memory import SERVICE_BYTES
from consumer_app.storage.store import EventStore

_HEAVY = "heavy"
_OTHERS = [f"other-{number}" for number in range(50)]
_EVENTS_OF_OTHERS = 100
_AT_ONCE = 20_000
_IDLE_SECONDS = 6
_A_SECOND = 100
_MEBIBYTE = 1024 * 1024
_TOO_MUCH = "422"


class Suffered(NamedTuple):
    """What others met, in milliseconds, and what the consumer held, in MiB."""

    idle: Latency
    meanwhile: Latency
    longest_stall: float
    peak_mebibytes: float


def heavy_patient(bench: Bench, events: int, clients: int, seconds: int) -> Suffered:
    """Ask about other patients: alone, and while clients ask about one with so many events."""
    stalls = bench.folder / "stalls"
    environment = bench.environment() | {"STALLS": str(stalls)}
    asyncio.run(_fill(environment["DATABASE_URL"], events))
    with (
        bench.empty_queue(),
        bench.consumer(environment, app="benchmarks.watched_consumer:app") as consumer,
    ):
        consumer.wait_until_ready()
        _bound_as_in_the_chart(consumer.process.pid)
        idle = asyncio.run(_others(consumer.url, _IDLE_SECONDS))
        begin = time.monotonic()
        command = ["benchmarks.heavy_clients", consumer.url, _HEAVY, str(clients), str(seconds)]
        with (
            peak_of(consumer.process.pid) as peak,
            subprocess.Popen(
                [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True
            ) as asking,
        ):
            meanwhile = asyncio.run(_others(consumer.url, seconds))
            said, _ = asking.communicate()
        answers = json.loads(said)
        if not answers.keys() & {"200", _TOO_MUCH}:
            raise RuntimeError(f"nobody was answered about the patient with many events: {answers}")
        return Suffered(idle, meanwhile, _longest(stalls, begin), peak.mebibytes)


async def _fill(url: str, events: int) -> None:
    async with EventStore.at(url) as store:
        few = one_patient(_EVENTS_OF_OTHERS)
        for patient in _OTHERS:
            await store.add([replace(each, patient_id=patient) for each in few])
        many = one_history(events)
        for at in range(0, events, _AT_ONCE):
            part = many[at : at + _AT_ONCE]
            await store.add([replace(each, patient_id=_HEAVY) for each in part])


def _bound_as_in_the_chart(pid: int) -> None:
    """Give no process more than the service has in a container, where the others have less.

    It hands its own limit on to them.
    """
    resource.prlimit(pid, resource.RLIMIT_DATA, (SERVICE_BYTES, SERVICE_BYTES))


async def _others(url: str, seconds: int) -> Latency:
    async with aiohttp.ClientSession() as client:

        async def one(number: int) -> None:
            query = {"patient_id": _OTHERS[number % len(_OTHERS)]}
            async with client.get(f"{url}/periods", params=query) as answer:
                answer.raise_for_status()
                await answer.read()

        return Latency.of(await steadily(one, seconds, _A_SECOND))


def _longest(stalls: Path, since: float) -> float:
    noted = (line.split() for line in stalls.read_text().splitlines())
    return max(float(milliseconds) for at, milliseconds in noted if float(at) > since)
