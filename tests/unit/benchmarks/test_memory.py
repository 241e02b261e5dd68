"""Which limits memory is measured against, and whose memory it is."""

import subprocess
import sys

from benchmarks.memory import chart_limit, peak_of
from tests.services import eventually

_HOLDS = "held = b'x' * (64 * 2**20); print(end='.', flush=True); input()"
_HOLDS_WITH_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_HOLDS!r}])"


def test_the_limits_are_those_of_the_chart() -> None:
    assert chart_limit("consumer") > chart_limit("publisher") > 0


def test_what_a_child_of_a_process_holds_is_counted() -> None:
    command = [sys.executable, "-c", _HOLDS_WITH_A_CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        with peak_of(process.pid) as peak:
            eventually(lambda: peak.mebibytes > 64)
        process.communicate(b"\n")
    assert 64 < peak.mebibytes < 256
