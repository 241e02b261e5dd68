"""Messages come twice, in the wrong order, and with anything in them."""

import json
import random

import psutil
import pytest

from contracts.topology import DEAD_LETTER_QUEUE
from tests.faults.conftest import Record
from tests.faults.hostile import hostile_messages
from tests.faults.system import System, dead_letters, send, waiting
from tests.services import eventually

MEGABYTE = 1024 * 1024
MEMORY = 250 * MEGABYTE


@pytest.mark.fault("every message twice, in reverse order")
def test_messages_delivered_twice_and_in_reverse_order_are_stored_once(
    system: System, full: bool, record: Record
) -> None:
    messages = 3000 if full else 500
    system.start_consumer().stop()
    reports = system.reports.take(messages * 2)
    pairs = zip(reports[::2], reports[1::2], strict=True)
    bodies = [json.dumps([one.row, other.row]).encode() for one, other in pairs]
    send(system.broker, *(body for body in reversed(bodies) for _ in range(2)))

    consumer = system.start_consumer()

    record(messages, system, consumer)


@pytest.mark.long
@pytest.mark.fault("hostile messages among good ones")
def test_every_good_message_among_hostile_ones_is_stored_and_every_bad_one_is_a_dead_letter(
    system: System, chance: random.Random, full: bool, record: Record
) -> None:
    count = 10_000 if full else 1_000
    consumer = system.start_consumer()
    hostile = list(hostile_messages(chance, system.reports, count))
    good = [report.line for report in system.reports.take(count)]
    bodies = hostile + good
    chance.shuffle(bodies)
    process = psutil.Process(consumer.process.pid)

    send(system.broker, *bodies)
    eventually(lambda: waiting(system.broker, DEAD_LETTER_QUEUE.name) >= len(hostile), 300)

    assert process.memory_info().rss < MEMORY
    record(count, system, consumer, len(hostile))
    letters = dead_letters(system.broker)
    assert sorted(letter.body for letter in letters) == sorted(hostile), "whole, and each once"
    for letter in letters:
        reason = str(letter.headers["dead-letter-reason"])
        assert 0 < len(reason) < 5000
        assert "patient-" not in reason
