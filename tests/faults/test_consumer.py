"""The consumer is killed, told to end, and killed by what it reads."""

import asyncio
import json
import random
import re
import signal
import time

import httpx
import pytest

from benchmarks.machinery import stored
from consumer_app.dead_letters import Death
from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_QUEUE
from local.broker import PrivateBroker
from tests.databases import KINDS
from tests.faults.conftest import Record, over
from tests.faults.system import System, channel_to, dead_letters, send, waiting
from tests.services import ServiceProcess, eventually

# Kubernetes waits this long before it kills.
GRACE_PERIOD = 30.0
PREFETCH = 250
MANY_EVENTS, EVENTS_A_MESSAGE = 120_000, 1_000
SUSPICIOUS_DELIVERIES = 5


@over(*KINDS)
@pytest.mark.fault("consumer killed (-9) under load")
def test_a_consumer_killed_again_and_again_under_load_loses_and_doubles_nothing(
    system: System, chance: random.Random, full: bool, record: Record
) -> None:
    kills = 20 if full else 3
    with system.traffic():
        for _ in range(kills):
            consumer = system.start_consumer()
            time.sleep(chance.uniform(0, 1))
            consumer.kill()
        consumer = system.start_consumer()

    record(kills, system, consumer)


@pytest.mark.long
@over(*KINDS)
@pytest.mark.fault("consumer killed (-9) while it commits 120,000 events")
def test_a_consumer_killed_in_a_large_commit_loses_and_doubles_nothing(
    system: System, chance: random.Random, full: bool, record: Record
) -> None:
    kills, in_the_middle = 10 if full else 2, 0
    system.start_consumer().stop()
    for _ in range(0, MANY_EVENTS, EVENTS_A_MESSAGE):
        rows = [report.row for report in system.reports.take(EVENTS_A_MESSAGE)]
        send(system.broker, json.dumps(rows).encode())
    for _ in range(kills):
        consumer = system.start_consumer()
        eventually(lambda: waiting(system.broker, EVENTS_QUEUE.name) == 0)
        time.sleep(chance.uniform(0, 0.5))
        consumer.kill()
        in_the_middle += stored(system.database.url) < len(system.reports.distinct)
    assert in_the_middle > 0
    consumer = system.start_consumer()

    record(kills, system, consumer)


@pytest.mark.long
@pytest.mark.fault("consumer told to end (SIGTERM) under load")
def test_a_consumer_told_to_end_under_load_finishes_what_it_has_and_no_more(
    system: System, chance: random.Random, full: bool, record: Record
) -> None:
    rounds = 20 if full else 3
    slowest = 0.0
    redelivered = _redelivered(system.broker)
    with system.traffic():
        for _ in range(rounds):
            consumer = system.start_consumer()
            time.sleep(chance.uniform(0, 1))
            began = time.monotonic()
            assert consumer.stop() in {0, -signal.SIGTERM}, consumer.log.read_text()
            slowest = max(slowest, time.monotonic() - began)
        consumer = system.start_consumer()

    record(rounds, system, consumer)
    assert slowest < GRACE_PERIOD
    assert _redelivered(system.broker) - redelivered <= rounds * PREFETCH


def _redelivered(broker: PrivateBroker) -> int:
    port = broker.plugin_ports["rabbitmq_prometheus"]
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    found = re.findall(r"\nrabbitmq_global_messages_redelivered_total.* (\d+)", metrics)
    assert found
    return sum(map(int, found))


@pytest.mark.fault("consumer crashed by a message")
def test_a_message_that_kills_the_consumer_ends_as_a_dead_letter_and_the_others_are_stored(
    system: System, full: bool, record: Record
) -> None:
    poison = b'"poison"'
    good = system.reports.take(PREFETCH if full else 50)
    system.start_consumer().stop()
    if not full:
        send(system.broker, poison)
        _return(system.broker, times=SUSPICIOUS_DELIVERIES - 2)
    half = len(good) // 2
    send(system.broker, *(report.line for report in good[:half]))
    if full:
        send(system.broker, poison)
    send(system.broker, *(report.line for report in good[half:]))

    crashes = 0
    while (consumer := _crashed_or_alive(system)).process.poll() is not None:
        assert consumer.process.returncode == 9, consumer.log.read_text()
        crashes += 1
        assert crashes <= SUSPICIOUS_DELIVERIES

    consumer.wait_until_ready()
    record(crashes, system, consumer, dead_letters=1)
    (letter,) = dead_letters(system.broker)
    assert letter.body == poison
    assert Death.of(letter.headers).reason == "to read it ends the process: status 9"


def _crashed_or_alive(system: System) -> ServiceProcess:
    """Start a consumer; return it once it has crashed, or the message is a dead letter."""
    consumer = system.start("consumer", app="tests.faults.poisonable:app")
    eventually(
        lambda: (
            consumer.process.poll() is not None
            or waiting(system.broker, DEAD_LETTER_QUEUE.name) > 0
        )
    )
    return consumer


def _return(broker: PrivateBroker, times: int) -> None:
    """Take the first message and give it back, so often."""

    async def take_and_return() -> None:
        async with channel_to(broker) as channel:
            queue = await channel.get_queue(EVENTS_QUEUE.name, ensure=False)
            for _ in range(times):
                await (await queue.get(timeout=10)).nack(requeue=True)

    asyncio.run(take_and_return())
