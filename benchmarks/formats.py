"""How fast the formats of hospitals are taken, beside what a simple program does."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

import aio_pika
import msgspec

from benchmarks.events import BEGIN, events, write_file
from benchmarks.machinery import Bench
from contracts import MedicationEvent
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY
from local.ports import free_port
from tests.services import eventually

_VT, _END_OF_FRAME = b"\x0b", b"\x1c\r"
_EVENTS_OF_A_RESOURCE = 2
_OUR_COLUMNS = "patient_id,medication_name,action,event_time,order_id"
_COLUMNS = "subject_id,medication,event_txt,charttime,poe_id"
_PROFILE = """
[table]
rows = "events"
actions = { start = "start", stop = "stop" }
times = { zone = "UTC" }
[table.columns]
patient_id = "subject_id"
medication_name = "medication"
action = "event_txt"
event_time = "charttime"
order_id = "poe_id"
"""


class Pair(NamedTuple):
    """What was measured, and what it is compared with: a second."""

    ours: float
    yardstick: float


class Sent(NamedTuple):
    """What was sent over MLLP, and what it is compared with: messages a second."""

    ours: float
    loop: float
    listener: float


def resources(bench: Bench, events: int) -> Pair:
    """Publish FHIR resources, and as many events as JSON Lines, while nobody consumes."""
    plain = write_file(bench.folder / "plain.jsonl", events)
    fhir = _write_resources(bench.folder / "resources.ndjson", events // _EVENTS_OF_A_RESOURCE)
    rates = []
    for file in (fhir, plain):
        with bench.empty_queue():
            published = bench.publish(file, bench.environment())
        rates.append(published.events / published.seconds)
    return Pair(*rates)


def tables(bench: Bench, rows: int) -> Pair:
    """Publish a table by a profile, and the same rows as plain CSV, while nobody consumes."""
    reported = events(rows)
    folder = bench.folder
    plain = _write_table(folder / "plain.csv", _OUR_COLUMNS, reported, "%Y-%m-%dT%H:%M:00Z")
    table = _write_table(folder / "table.csv", _COLUMNS, reported, "%Y-%m-%d %H:%M:00")
    profile = folder / "ward.toml"
    profile.write_text(_PROFILE)
    rates = []
    for file, settings in ((table, {"PUBLISHER_PROFILE": str(profile)}), (plain, {})):
        with bench.empty_queue():
            published = bench.publish(file, bench.environment() | settings)
        rates.append(published.events / published.seconds)
    return Pair(*rates)


def hl7_messages(bench: Bench, connections: int, messages: int) -> Sent:
    """Send HL7 v2 over so many MLLP connections, while nobody consumes.

    One message is in flight on each connection. The bare loop publishes as many bodies with as many
    in flight; the bare listener takes what the publisher takes.
    """
    with bench.empty_queue():
        loop = asyncio.run(_publish_barely(bench.broker.url, connections, messages))
    port = free_port()
    with bench.empty_queue(), _bare_listener(bench, port):
        listener = asyncio.run(_send(port, connections, messages))
    listening = {"PUBLISHER_MLLP_PORT": str(port)}
    with bench.empty_queue(), bench.publisher(bench.environment() | listening) as publisher:
        publisher.wait_until_ready()
        return Sent(asyncio.run(_send(port, connections, messages)), loop, listener)


@contextmanager
def _bare_listener(bench: Bench, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.bare_listener", str(port)]
    with subprocess.Popen(command, env=os.environ | bench.environment()) as listener:
        try:
            eventually(lambda: _listens(port))
            yield
        finally:
            listener.terminate()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _write_table(
    file: Path, columns: str, reported: Iterable[MedicationEvent], written: str
) -> Path:
    """Write events as a table, to the minute as charts are kept."""
    with file.open("w") as out:
        out.write(f"{columns}\n")
        out.writelines(
            f"{each.patient_id},{each.medication_name},{each.action},"
            f"{each.event_time.strftime(written)},{each.order_id}\n"
            for each in reported
        )
    return file


def _write_resources(file: Path, resources: int) -> Path:
    with file.open("wb") as out:
        for number in range(resources):
            begin = BEGIN + timedelta(minutes=number)
            out.write(msgspec.json.encode(_resource(number, begin)) + b"\n")
    return file


def _resource(number: int, begin: datetime) -> object:
    end = begin + timedelta(hours=1)
    return {
        "resourceType": "MedicationAdministration",
        "id": f"administration-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{end:%Y-%m-%dT%H:%M:%S.000Z}"},
        "status": "completed",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5224"}],
            "text": f"Medication {number % 200} 100 mg",
        },
        "subject": {"reference": f"Patient/{number % 2_000}"},
        "effectivePeriod": {
            "start": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


async def _send(port: int, connections: int, messages: int) -> float:
    numbers = iter(range(messages))
    begin = time.monotonic()
    await asyncio.gather(*(_send_some(port, numbers) for _ in range(connections)))
    return messages / (time.monotonic() - begin)


async def _send_some(port: int, numbers: Iterator[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        writer.write(_VT + _administration(number) + _END_OF_FRAME)
        answer = await reader.readuntil(_END_OF_FRAME)
        if b"|AA|" not in answer:
            raise RuntimeError(f"message {number} was not accepted")
    writer.close()


def _administration(number: int) -> bytes:
    begin = BEGIN + timedelta(minutes=number)
    times = f"{begin:%Y%m%d%H%M%S}+0000|{begin + timedelta(hours=1):%Y%m%d%H%M%S}+0000"
    segments = (
        rf"MSH|^~\&|PUMPS|ICU|||{begin:%Y%m%d%H%M%S}+0000||RAS^O17^RAS_O17|{number}|P|2.5",
        f"PID|1||{number % 2_000}^^^HOSPITAL^MR",
        f"ORC|RE|{number}^PHARMACY",
        f"RXA|0|1|{times}|5224^Heparin^RXNORM|1|mL|||||||||||||CP|A",
    )
    return ("\r".join(segments) + "\r").encode()


async def _publish_barely(url: str, in_flight: int, messages: int) -> float:
    numbers = count()
    async with await aio_pika.connect(url) as connection:
        exchange = await (await connection.channel()).get_exchange(EVENTS_EXCHANGE.name)

        async def publish_some() -> None:
            while next(numbers) < messages:
                message = aio_pika.Message(_BODY, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await exchange.publish(message, ROUTING_KEY)

        begin = time.monotonic()
        await asyncio.gather(*(publish_some() for _ in range(in_flight)))
        return messages / (time.monotonic() - begin)


# As long as what the publisher makes of a message: a version of a record with a start and a stop.
_BODY = b"x" * 380
