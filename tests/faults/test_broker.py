"""RabbitMQ goes away, comes back, and hangs behind a bad network."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from faststream.rabbit import RabbitBroker

from contracts.topology import EVENTS_QUEUE, declare_topology
from local.broker import PrivateBroker
from tests.databases import Database
from tests.faults.conftest import Record
from tests.faults.proxy import Proxy
from tests.faults.reports import Reports
from tests.faults.system import System, channel_to, send, waiting
from tests.services import Service, eventually

LONGEST_ABSENCE = 5.0
_IMPATIENT = "[{rabbit, [{consumer_timeout, 2000}, {channel_tick_interval, 1000}]}]."


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    """Give a broker of the test's own, as it is taken down."""
    own = PrivateBroker(tmp_path / "broker")
    own.start()
    # RabbitMQ itself forgets a queue that was declared seconds before it is killed.
    asyncio.run(_declare(own))
    own.stop()
    own.start()
    yield own
    own.kill()


async def _declare(broker: PrivateBroker) -> None:
    async with RabbitBroker(broker.url) as connected:
        await declare_topology(connected)


@pytest.mark.parametrize(
    ("fault", "take_down"),
    [
        ("RabbitMQ stopped and started under load", PrivateBroker.stop),
        ("RabbitMQ killed (-9) and started under load", PrivateBroker.kill),
    ],
    ids=["stopped", "killed"],
)
def test_a_broker_that_goes_away_under_load_loses_and_doubles_nothing(
    fault: str,
    take_down: Callable[[PrivateBroker], None],
    system: System,
    chance: random.Random,
    full: bool,
    record: Record,
) -> None:
    times = 2 if full else 1
    consumer = system.start_consumer()
    with system.traffic():
        for _ in range(times):
            time.sleep(chance.uniform(1, 4))
            take_down(system.broker)
            _still_answers_while_the_broker_is_away(consumer)
            time.sleep(chance.uniform(0, LONGEST_ABSENCE))
            system.broker.start()
            consumer.wait_until_ready()

    record(fault, times, system, consumer)


def _still_answers_while_the_broker_is_away(consumer: Service) -> None:
    eventually(lambda: "RabbitMQ" in (consumer.readiness() or {}).get("broker", ""))
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": "patient-1"}, timeout=30)
    assert answer.status_code == 200


@pytest.fixture
def proxy(broker: PrivateBroker) -> Iterator[Proxy]:
    made = Proxy(broker.port)
    yield made
    made.close()


def test_connections_that_are_cut_hang_or_crawl_lose_and_double_nothing(
    system: System, proxy: Proxy, chance: random.Random, full: bool, record: Record
) -> None:
    faults = ["reset", "freeze", "delay"] * (2 if full else 1)
    chance.shuffle(faults)
    system.environment["RABBITMQ_URL"] = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    consumer = system.start_consumer()
    with system.traffic():
        for fault in faults:
            time.sleep(chance.uniform(0.5, 2))
            if fault == "reset":
                proxy.reset()
            elif fault == "freeze":
                proxy.freeze()
                eventually(lambda: consumer.readiness() != {})
                consumer.wait_until_ready()
            else:
                proxy.delay(chance.uniform(0.05, 0.5))
                time.sleep(chance.uniform(1, 3))
                proxy.delay(0)
        consumer.wait_until_ready()

    record("connections reset, half-open, delayed", len(faults), system, consumer)


def test_a_publisher_on_a_dead_connection_gives_up_in_time_and_says_what_is_confirmed(
    system: System, proxy: Proxy
) -> None:
    system.start_consumer().stop()
    system.environment["RABBITMQ_URL"] = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    system.environment["PUBLISHER_GIVE_UP_AFTER"] = "1"
    first, second = system.reports.take(2)
    with subprocess.Popen(
        [sys.executable, "-m", "publisher_app", "-"],
        env={**os.environ, **system.environment},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdin is not None
        command.stdin.write(first.line)
        command.stdin.flush()
        eventually(lambda: waiting(system.broker, EVENTS_QUEUE.name) == 1)
        proxy.freeze()

        _, said = command.communicate(second.line, timeout=120)

    assert command.returncode == 2
    assert b"RabbitMQ has not confirmed: TimeoutError; published 1, rejected 0" in said


def test_messages_that_the_broker_takes_back_while_the_database_is_away_are_stored_once(
    tmp_path: Path, database: Database, seed: int
) -> None:
    """RabbitMQ closes the channel of a consumer that takes too long to acknowledge."""
    broker = PrivateBroker(tmp_path / "broker")
    broker.folder.mkdir()
    (broker.folder / "advanced.config").write_text(_IMPATIENT)
    broker.start()
    system = System(broker, database, tmp_path, Reports(seed))
    try:
        consumer = system.start_consumer()
        with database.locked():
            send(broker, *(report.line for report in system.reports.take(10)))
            eventually(lambda: "delivery acknowledgement" in broker.log.read_text())
        assert system.judge(consumer) == (0, 0)
    finally:
        system.close()
        broker.kill()


def test_a_request_without_a_confirm_is_answered_503_and_may_be_repeated(system: System) -> None:
    system.environment["PUBLISHER_GIVE_UP_AFTER"] = "2"
    consumer, publisher = system.start("consumer"), system.start("publisher")
    publisher.wait_until_ready()
    rows = [report.row for report in system.reports.take(10)]
    system.broker.kill()

    refused = httpx.post(f"{publisher.url}/events", json=rows, timeout=60)

    assert refused.status_code == 503
    assert "has not confirmed" in refused.text
    system.broker.start()
    publisher.wait_until_ready()
    eventually(
        lambda: httpx.post(f"{publisher.url}/events", json=rows, timeout=60).status_code == 202
    )
    consumer.wait_until_ready()
    assert system.judge(consumer) == (0, 0)


def test_a_queue_that_was_deleted_is_declared_again_and_consumed(system: System) -> None:
    """A consumer whose subscription is gone stays without one in some clients (aio-pika#231)."""
    consumer, publisher = system.start_consumer(), system.start("publisher")
    publisher.wait_until_ready()
    asyncio.run(_delete(system.broker))

    rows = [report.row for report in system.reports.take(10)]
    answer = httpx.post(f"{publisher.url}/events", json=rows, timeout=120)

    assert answer.status_code == 202, "what no queue took is published again"
    consumer.wait_until_ready()
    assert system.judge(consumer) == (0, 0)


async def _delete(broker: PrivateBroker) -> None:
    async with channel_to(broker) as channel:
        await channel.queue_delete(EVENTS_QUEUE.name)
