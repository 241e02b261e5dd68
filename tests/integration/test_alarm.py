"""RabbitMQ short of memory: it takes connections, and reads nothing that is published over them."""

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest
from faststream.rabbit import RabbitBroker

from contracts.topology import EVENTS_QUEUE, FORMER_EVENTS_QUEUE, declare_topology
from local.broker import PrivateBroker
from tests.commands import run_command
from tests.processes import ModuleProcess, run_module
from tests.rights import User, address, documented, give
from tests.services import ServiceProcess, eventually

GIVE_UP_AFTER_SECONDS = 3.0
# A try may take 10 s, and an orderly farewell that nobody reads 5 s more.
NO_LONGER_THAN_SECONDS = 9.0
ENDS_WITHIN_SECONDS = 20.0
DROPS_WITHIN_SECONDS = 4.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    broker = PrivateBroker(tmp_path / "broker")
    yield broker
    broker.kill()


def start_short_of_memory(broker: PrivateBroker) -> None:
    further = broker.folder / "conf.d"
    further.mkdir(parents=True, exist_ok=True)
    (further / "alarm.conf").write_text("vm_memory_high_watermark.absolute = 1\n")
    broker.start()


@pytest.mark.fault("RabbitMQ short of memory")
def test_a_publisher_that_is_blocked_gives_up_when_its_time_is_up(
    broker: PrivateBroker,
) -> None:
    start_short_of_memory(broker)

    done = run_module(
        "publisher_app",
        ["examples/events.jsonl"],
        {
            "RABBITMQ_URL": broker.url,
            "PUBLISHER_GIVE_UP_AFTER": f"{GIVE_UP_AFTER_SECONDS}",
        },
    )

    assert done.returncode == 2
    assert "blocked by: 'low on memory'" in done.stderr
    said = re.search(r"has not confirmed: .*; published 0, .* in (.*) s; run ", done.stderr)
    assert said, done.stderr
    assert GIVE_UP_AFTER_SECONDS <= float(said[1]) < NO_LONGER_THAN_SECONDS


@pytest.mark.long
@pytest.mark.fault("RabbitMQ short of memory")
async def test_a_consumer_that_moves_what_1_0_0_has_left_still_stores_and_acknowledges_and_ends(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    broker.start()
    await leave_in_both_queues(broker.url, b"[]")
    broker.stop()
    start_short_of_memory(broker)

    database = {"DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db"}
    consumer = ServiceProcess("consumer", {"RABBITMQ_URL": broker.url, **database}, tmp_path)
    consumer.wait_until_ready()
    eventually(lambda: "was blocked by" in consumer.log.read_text())
    begun = time.monotonic()

    assert consumer.stop() == -signal.SIGTERM
    assert time.monotonic() - begun < ENDS_WITHIN_SECONDS
    assert await waiting(broker.url, EVENTS_QUEUE.name) == 0


@pytest.mark.fault("RabbitMQ short of memory")
def test_a_publisher_that_declares_nothing_starts_with_nothing_in_its_log_but_the_alarm(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    publisher_s = User("publisher", documented()["publisher"])
    give(broker, [publisher_s])
    start_short_of_memory(broker)

    settings = {"RABBITMQ_URL": address(broker, publisher_s), "PUBLISHER_DECLARE": "false"}
    publisher = ServiceProcess("publisher", settings, tmp_path)
    publisher.wait_until_ready()
    # The client has dropped by then what RabbitMQ did not read.
    time.sleep(DROPS_WITHIN_SECONDS)
    publisher.stop()

    lines = publisher.log.read_text().splitlines()
    assert any("was blocked by" in line for line in lines)
    assert [line for line in lines if "INFO" not in line and "was blocked by" not in line] == []


@pytest.mark.fault("RabbitMQ short of memory")
def test_a_declaration_waits_for_no_end_of_an_alarm_and_a_move_says_that_it_does(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    broker.start()
    asyncio.run(leave_in_both_queues(broker.url, b"[]"))
    broker.stop()
    start_short_of_memory(broker)
    environment = {"RABBITMQ_URL": broker.url}

    declared = run_command(environment, "declare")
    assert (declared.returncode, declared.stdout) == (0, "declared\n")
    assert declared.stderr == "1 messages wait in the queue of 1.0.0: --move moves them\n"

    said = tmp_path / "said"
    moving = ModuleProcess("consumer_app", ["declare", "--move"], environment, stdout=said)
    eventually(lambda: said.exists() and "was blocked by" in said.read_text())
    moving.terminate()
    moving.wait(ENDS_WITHIN_SECONDS)
    eventually(lambda: asyncio.run(waiting(broker.url, FORMER_EVENTS_QUEUE)) == 1)


async def leave_in_both_queues(url: str, body: bytes) -> None:
    async with RabbitBroker(url) as connected, await aio_pika.connect(url) as connection:
        await declare_topology(connected)
        channel = await connection.channel()
        await channel.declare_queue(
            FORMER_EVENTS_QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
        )
        for queue in (EVENTS_QUEUE.name, FORMER_EVENTS_QUEUE):
            await channel.default_exchange.publish(aio_pika.Message(body, delivery_mode=2), queue)


async def waiting(url: str, queue: str) -> int:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0
