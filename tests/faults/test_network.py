"""The network between the services and RabbitMQ is bad, or what they connected to is gone."""

import asyncio
import logging
import os
import random
import re
import subprocess
import sys
import time

import httpx
import pytest
from pydantic import AmqpDsn

from contracts.topology import EVENTS_EXCHANGE, EVENTS_QUEUE
from local.broker import PrivateBroker
from runtime.broker import broker_problem, make_broker
from tests.faults.conftest import Record
from tests.faults.proxy import Proxy
from tests.faults.system import System, channel_to, waiting
from tests.services import PATIENCE_SECONDS, eventually


@pytest.mark.long
@pytest.mark.fault("connections reset, half-open, delayed")
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

    record(len(faults), system, consumer)


@pytest.mark.fault("connection cut off at each step of a start")
async def test_a_start_that_is_cut_off_at_any_of_its_steps_begins_again(
    broker: PrivateBroker,
) -> None:
    """uvicorn goes on when a FastStream app's start fails: alive, and never ready."""
    cut_off = await asyncio.gather(*(_start_cut_off(broker, answer) for answer in range(1, 41)))

    assert cut_off[0]
    assert not cut_off[-1], "a start has fewer answers than that: each was cut off once"


async def _start_cut_off(broker: PrivateBroker, answer: int) -> bool:
    """Start a consumer whose connection is cut off at an answer; tell whether that one came."""
    proxy = Proxy(broker.port)
    proxy.reset_instead_of_answer(answer)
    url = AmqpDsn(f"amqp://guest:guest@127.0.0.1:{proxy.port}/")
    starting = make_broker([url], logging.getLogger(__name__))
    starting.subscriber(EVENTS_QUEUE, EVENTS_EXCHANGE)(_ignore)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await starting.start()
    cut_off = proxy.has_reset
    proxy.reset_instead_of_answer(0)
    assert await broker_problem(starting, consumers=1) is None
    await starting.stop()
    proxy.close()
    return cut_off


async def _ignore(message: bytes) -> None:
    """Take a message, and do nothing with it."""


@pytest.mark.fault("connection half-open under a publisher")
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
    assert re.search(rb"RabbitMQ has not confirmed: no answer in .*; published 1, rejected 0", said)


@pytest.mark.fault("queue of events deleted")
def test_a_queue_that_was_deleted_is_declared_again_and_consumed(
    system: System, record: Record
) -> None:
    """A consumer whose subscription is gone stays without one in some clients (aio-pika#231)."""
    consumer, publisher = system.start_consumer(), system.start("publisher")
    publisher.wait_until_ready()
    asyncio.run(_delete(system.broker))

    rows = [report.row for report in system.reports.take(10)]
    answer = httpx.post(f"{publisher.url}/events", json=rows, timeout=120)

    assert answer.status_code == 202, "what no queue took is published again"
    consumer.wait_until_ready()
    record(1, system, consumer)


async def _delete(broker: PrivateBroker) -> None:
    async with channel_to(broker) as channel:
        await channel.queue_delete(EVENTS_QUEUE.name)
