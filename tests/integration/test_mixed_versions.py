"""Services of 1.0.0 and of today side by side: what is published is stored right, or not yet.

``tests/released/1.0.0/contracts.zip`` is the contract as 1.0.0 has it, commit 3f961d5, made by
``git archive --format=zip -o contracts.zip 3f961d5 contracts``. A consumer of 1.0.0 stores the
events that it reads of a message, and where it refuses any of it makes a dead letter of the whole.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import aio_pika
import httpx
import pytest
from aio_pika.abc import FieldValue

from contracts.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_QUEUE,
    EVENTS_EXCHANGE,
    EVENTS_QUEUE,
    ROUTING_KEY,
)
from local.broker import PrivateBroker, private_broker
from runtime.version import VERSION
from tests.chart.helm import CHART
from tests.commands import run_command
from tests.databases import SqliteFile
from tests.faults.system import waiting
from tests.processes import run_module
from tests.services import ServiceProcess, eventually

CONTRACT = Path("tests/released/1.0.0/contracts.zip")
_READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
from contracts import read_message
events, refusal = read_message(sys.stdin.buffer.read())
fields = ("patient_id", "medication_name", "action", "order_id", "event_id")
print(json.dumps([[[getattr(each, name) for name in fields] for each in events], refusal]))
"""
START = {
    "patient_id": "mixed",
    "medication_name": "X",
    "action": "start",
    "event_time": "2021-01-01T00:00:00Z",
}
WHOLE = {"record_id": "ward/7", "record_version": "1", "events": [START]}
LACKING = ("patient_id", "medication_name", "action", "event_time")
# As 1.0.0 tells of a whole, and no value of it.
REFUSAL = "; ".join(f"{name}: Field required" for name in LACKING)


class Read(NamedTuple):
    """What the contract of 1.0.0 makes of a message: what is stored, and why the rest is not."""

    events: list[list[str | None]]
    refusal: str | None


def read_by_1_0_0(body: bytes) -> Read:
    done = subprocess.run(
        [sys.executable, "-c", _READ, CONTRACT],
        input=body,
        capture_output=True,
        check=True,
    )
    return Read(*json.loads(done.stdout))


@pytest.fixture(scope="module")
def lonely_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def environment(lonely_broker: PrivateBroker, tmp_path: Path) -> dict[str, str]:
    return {"RABBITMQ_URL": lonely_broker.url, "DATABASE_URL": SqliteFile(tmp_path).url}


def published(environment: dict[str, str], *reports: object) -> None:
    lines = "".join(f"{json.dumps(each)}\n" for each in reports).encode()
    done = run_module("publisher_app", ["-"], environment, stdin=lines)
    assert done.returncode == 0, done.stderr


async def taken_by_1_0_0(url: str) -> Read:
    """Take a message as a consumer of 1.0.0 does, which makes a dead letter of what it refuses."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        message = await (await channel.get_queue(EVENTS_QUEUE.name)).get(timeout=60)
        read = read_by_1_0_0(message.body)
        if read.refusal is not None:
            headers: dict[str, FieldValue] = {
                "dead-letter-reason": read.refusal,
                "dead-letter-time": datetime.now(UTC).isoformat(timespec="seconds"),
                "dead-letter-origin": EVENTS_EXCHANGE.name,
            }
            letter = aio_pika.Message(message.body, headers=headers, delivery_mode=2)
            dead_letters = await channel.get_exchange(DEAD_LETTER_EXCHANGE.name)
            await dead_letters.publish(letter, ROUTING_KEY)
        await message.ack()
    return read


@pytest.fixture
def consumer(environment: dict[str, str], tmp_path: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess("consumer", environment, tmp_path)
    service.wait_until_ready()
    yield service
    service.stop()


def periods(consumer: ServiceProcess) -> list[tuple[str, str | None]]:
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": "mixed"}, timeout=60)
    return [(each["start"], each["end"]) for each in answer.raise_for_status().json()["periods"]]


@pytest.mark.fault("consumer of 1.0.0 left running while versions of records are published")
@pytest.mark.parametrize("alone", [True, False], ids=["a whole alone", "beside an event"])
def test_a_consumer_of_1_0_0_stores_nothing_of_a_record_and_its_dead_letter_can_be_replayed(
    alone: bool,
    lonely_broker: PrivateBroker,
    environment: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    stop = START | {"action": "stop", "event_time": "2021-01-01T02:00:00Z"}
    published(environment, WHOLE, *([] if alone else [stop]))

    read = asyncio.run(taken_by_1_0_0(lonely_broker.url))

    # The event that stands for itself it stores, as before, and that is right.
    assert read.events == ([] if alone else [["mixed", "X", "stop", None, None]])
    assert read.refusal is not None
    assert read.refusal.endswith(REFUSAL)
    assert waiting(lonely_broker, DEAD_LETTER_QUEUE.name) == 1

    # Upgraded, the consumer has stored nothing of it, and does when the letter is replayed.
    consumer: ServiceProcess = request.getfixturevalue("consumer")
    assert periods(consumer) == []
    assert run_command(environment, "dead-letters", "replay").stdout == "1 replayed\n"
    end = None if alone else "2021-01-01T02:00:00Z"
    eventually(lambda: periods(consumer) == [("2021-01-01T00:00:00Z", end)])
    assert waiting(lonely_broker, DEAD_LETTER_QUEUE.name) == 0


def test_the_publisher_never_writes_an_event_that_1_0_0_would_store_without_its_record(
    lonely_broker: PrivateBroker, environment: dict[str, str]
) -> None:
    flat = START | {"record_id": "ward/7", "record_version": "1"}
    assert read_by_1_0_0(json.dumps(flat).encode()).events, "it would"

    published(environment, flat)

    assert asyncio.run(taken_by_1_0_0(lonely_broker.url)).events == []
    assert run_command(environment, "dead-letters", "drop", "--yes").stdout == "1 dropped\n"


def test_events_that_stand_for_themselves_are_read_by_1_0_0_as_before(
    lonely_broker: PrivateBroker, environment: dict[str, str]
) -> None:
    published(environment, START | {"order_id": "A"})
    read = asyncio.run(taken_by_1_0_0(lonely_broker.url))
    assert read == Read([["mixed", "X", "start", "A", None]], None)


def test_a_consumer_tells_its_version_to_a_publisher_that_waits_for_it(
    consumer: ServiceProcess,
) -> None:
    settings = {
        "CONSUMER": consumer.url,
        "MAJOR_VERSION": "2",
        "PATIENCE_SECONDS": "0",
        "ANSWERS": "2",
    }
    done = subprocess.run(
        [sys.executable, CHART / "files" / "wait_for_consumer.py"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"consumers are of version {VERSION}\n")
