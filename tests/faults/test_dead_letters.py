"""The replay of dead letters is killed, and done by two operators at once."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from contracts.topology import DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE
from tests.commands import run_command
from tests.faults.conftest import Record
from tests.faults.system import System, send, waiting
from tests.processes import ModuleProcess
from tests.services import eventually

DONE, REFUSED = 0, 2


@pytest.mark.long
@pytest.mark.fault("replay of dead letters killed (-9)")
def test_a_replay_killed_again_and_again_loses_and_doubles_nothing(
    system: System, chance: random.Random, full: bool, record: Record
) -> None:
    letters, kills = (4_000, 10) if full else (600, 2)
    consumer = system.start_consumer()
    lines = (report.line for report in system.reports.take(letters))
    send(system.broker, *lines, exchange=DEAD_LETTER_EXCHANGE.name)
    listed = run_command(system.environment, "dead-letters", "list", timeout=120).stdout
    assert len(listed.splitlines()) == letters
    assert "patient-" not in listed

    for _ in range(kills):
        left = _left(system) - chance.randint(1, letters // kills // 4)
        with replay(system) as replaying:
            eventually(partial(_has_left, system, left))
            replaying.kill()
            assert replaying.wait(60) == -9, "it was killed at its work"
    assert _left(system) > 0, "it was killed before its end"

    with replay(system) as one, replay(system) as other:
        ended = {one.wait(300), other.wait(300)}
    # One works at a time: the other is refused, unless the first has ended by then.
    assert DONE in ended
    assert ended <= {DONE, REFUSED}
    record(kills, system, consumer)


def _has_left(system: System, at_most: int) -> bool:
    return _left(system) <= at_most


def _left(system: System) -> int:
    return waiting(system.broker, DEAD_LETTER_QUEUE.name)


@contextmanager
def replay(system: System) -> Iterator[ModuleProcess]:
    """Start a replay, which takes no letters of other tests, however this one ends."""
    log = system.folder / "replay.log"
    arguments = ["dead-letters", "replay"]
    process = ModuleProcess("consumer_app", arguments, system.environment, stdout=log)
    try:
        yield process
    finally:
        process.kill()
