"""What patients with very many events do to others, to the event loop and to memory."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from msgspec.structs import replace

from benchmarks.events import one_history, one_patient
from benchmarks.heavy_clients import heavy_patient
from benchmarks.machinery import Bench
from benchmarks.memory import chart_limit, peak_of
from benchmarks.queries import Latency, steadily
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent

_OTHERS = [f"other-{number}" for number in range(50)]
_EVENTS_OF_OTHERS = 100
_AT_ONCE = 20_000
_IDLE_SECONDS = 6
_A_SECOND = 100
_MEBIBYTE = 1024 * 1024
_EVENTS_A_MEDICATION = 100_000
_ANSWERED, _ASK_AGAIN = "200", "503"


@dataclass(frozen=True)
class Load:
    """Clients that ask of patients with so many events each, for so long."""

    events: int
    clients: int
    patients: int = 1
    seconds: int = 20

    def __str__(self) -> str:
        of = "" if self.patients == 1 else f"{self.patients} patients with "
        return f"{self.clients} asking of {of}{self.events:,} events"


@dataclass(frozen=True)
class Suffered:
    """What others met, in milliseconds, what the consumer held, and what the clients were told."""

    idle: Latency
    meanwhile: Latency
    longest_stall: float
    peak_mebibytes: float
    statuses: Mapping[str, int]


def heavy_patients(bench: Bench, load: Load) -> Suffered:
    """Ask about other patients: alone, and while clients ask about some with very many events.

    Raises:
        RuntimeError: none of the clients was answered, or some were not told to ask again.

    """
    stalls, limit = bench.folder / "stalls", bench.folder / "memory.max"
    limit.write_text(f"{int(chart_limit('consumer') * _MEBIBYTE)}")
    environment = bench.environment() | {"STALLS": str(stalls), "CONTAINER_MEMORY": str(limit)}
    asyncio.run(_fill(environment["DATABASE_URL"], load))
    with (
        bench.empty_queue(),
        bench.consumer(environment, app="benchmarks.watched_consumer:app") as consumer,
    ):
        consumer.wait_until_ready()
        idle = asyncio.run(_others(consumer.url, _IDLE_SECONDS))
        begin = time.monotonic()
        asked = [str(each) for each in (load.patients, load.clients, load.seconds)]
        command = [sys.executable, "-m", "benchmarks.heavy_clients", consumer.url, *asked]
        with (
            peak_of(consumer.process.pid) as peak,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking,
        ):
            meanwhile = asyncio.run(_others(consumer.url, load.seconds))
            said, _ = asking.communicate()
        statuses: dict[str, int] = json.loads(said)
        if _ANSWERED not in statuses or statuses.keys() - {_ANSWERED, _ASK_AGAIN}:
            raise RuntimeError(f"{load}: they were told {statuses}")
        return Suffered(idle, meanwhile, _longest(stalls, begin), peak.mebibytes, statuses)


async def _fill(url: str, load: Load) -> None:
    async with EventStore.at(url) as store:
        few = one_patient(_EVENTS_OF_OTHERS)
        for patient in _OTHERS:
            await store.add([replace(each, patient_id=patient) for each in few])
        many = [*_of_medications(one_history(load.events))]
        for number in range(load.patients):
            for at in range(0, load.events, _AT_ONCE):
                part = many[at : at + _AT_ONCE]
                patient = heavy_patient(number)
                await store.add([replace(each, patient_id=patient) for each in part])


def _of_medications(history: Sequence[MedicationEvent]) -> Iterator[MedicationEvent]:
    """Spread a history, if it is long: one medication of a giant is refused."""
    medications = max(1, len(history) // _EVENTS_A_MEDICATION)
    for number, event in enumerate(history):
        yield replace(event, medication_name=f"{event.medication_name} {number % medications}")


async def _others(url: str, seconds: int) -> Latency:
    async with aiohttp.ClientSession() as client:

        async def one(number: int) -> None:
            query = {"patient_id": _OTHERS[number % len(_OTHERS)]}
            async with client.get(f"{url}/periods", params=query) as answer:
                answer.raise_for_status()
                await answer.read()

        # Without the first second, in which connections and caches are still cold.
        return Latency.of((await steadily(one, seconds, _A_SECOND))[_A_SECOND:])


def _longest(stalls: Path, since: float) -> float:
    noted = (line.split() for line in stalls.read_text().splitlines())
    return max(float(milliseconds) for at, milliseconds in noted if float(at) > since)
