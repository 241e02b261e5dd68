"""The replay of dead letters is killed, and done by two operators at once."""

import os
import random
import subprocess
import sys
from functools import partial

from contracts.topology import DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE
from tests.faults.conftest import Record
from tests.faults.system import System, send, waiting
from tests.services import eventually

Command = subprocess.Popen[str]


def test_a_replay_killed_again_and_again_loses_and_doubles_nothing(
    system: System, chance: random.Random, full: bool, record: Record
) -> None:
    letters, kills = (4_000, 10) if full else (600, 2)
    consumer = system.start_consumer()
    lines = (report.line for report in system.reports.take(letters))
    send(system.broker, *lines, exchange=DEAD_LETTER_EXCHANGE.name)
    with dead_letters(system, "list") as listing:
        listed, _ = listing.communicate(timeout=120)
        assert len(listed.splitlines()) == letters
        assert "patient-" not in listed

    for _ in range(kills):
        left = _left(system) - chance.randint(1, letters // kills // 4)
        with dead_letters(system, "replay") as replay:
            eventually(partial(_has_left, system, left))
            replay.kill()
        assert replay.returncode == -9, "it was killed at its work"
    assert _left(system) > 0, "it was killed before its end"

    with dead_letters(system, "replay") as one, dead_letters(system, "replay") as other:
        assert (one.wait(300), other.wait(300)) == (0, 0)
    record("replay of dead letters killed (-9)", kills, system, consumer)


def _has_left(system: System, at_most: int) -> bool:
    return _left(system) <= at_most


def _left(system: System) -> int:
    return waiting(system.broker, DEAD_LETTER_QUEUE.name)


def dead_letters(system: System, *arguments: str) -> Command:
    return subprocess.Popen(
        [sys.executable, "-m", "consumer_app", "dead-letters", *arguments],
        env={**os.environ, **system.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
