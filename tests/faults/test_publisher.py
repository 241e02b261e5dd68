"""The publisher is killed in the middle of a file, and told to end."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Record
from tests.faults.system import System
from tests.services import eventually


@pytest.mark.long
@pytest.mark.fault("publisher killed (-9) in a file, the file again")
def test_a_file_published_again_after_kills_in_its_middle_loses_and_doubles_nothing(
    system: System, chance: random.Random, full: bool, record: Record, tmp_path: Path
) -> None:
    kills = 8 if full else 2
    consumer = system.start_consumer()
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"".join(report.line for report in system.reports.take(20_000)))
    system.environment["PUBLISHER_BATCH_SIZE"] = "10"
    broken_off = 0
    for _ in range(kills):
        with _publish(system, file) as command:
            time.sleep(chance.uniform(1, 4))
            command.kill()
        broken_off += command.returncode == -signal.SIGKILL
    assert broken_off > 0, "a kill met the publisher at work"

    with _publish(system, file) as command:
        assert command.wait(120) == 0
    record(broken_off, system, consumer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.fault("publisher told to end (SIGINT, SIGTERM) in a pipe")
def test_a_publisher_told_to_end_says_how_much_is_confirmed(
    system: System, number: signal.Signals
) -> None:
    consumer = system.start_consumer()
    system.environment["PUBLISHER_BATCH_SIZE"] = "1"
    with _publish(system, Path("-"), stdin=subprocess.PIPE) as command:
        assert command.stdin is not None
        command.stdin.write(b"".join(report.line for report in system.reports.take(50)))
        command.stdin.flush()
        eventually(lambda: len(list(system.stored(consumer))) == len(system.reports.distinct))

        command.send_signal(number)
        _, said = command.communicate(timeout=60)

    assert command.returncode == 2
    found = re.fullmatch(
        rb"interrupted; published (\d+), rejected 0 in .* s; run stdin/.*Z\."
        rb" Publishing it again is safe\.\n",
        said,
    )
    assert found, said
    # An event may be stored before its publisher has read the confirm.
    assert 0 < int(found[1]) <= 50


def _publish(
    system: System, file: Path, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "publisher_app", str(file)],
        env={**os.environ, **system.environment},
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
