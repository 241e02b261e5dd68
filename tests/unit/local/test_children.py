"""Child programs never outlive the program that started them."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil

from local.children import ChildGroup
from tests.services import PATIENCE_SECONDS, eventually


def test_a_child_is_asked_to_end_and_its_output_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ending = "trap 'echo ended; exit 0' TERM; echo started; while :; do sleep 0.1; done"
    group = ChildGroup()
    child = group.start(["/bin/sh", "-c", ending], log=log)
    eventually(lambda: log.read_text() == "started\n")

    group.stop(PATIENCE_SECONDS)
    assert child.returncode == 0
    assert log.read_text() == "started\nended\n"


def test_a_child_that_does_not_end_is_killed_with_the_programs_that_it_started(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    deaf = "trap '' TERM; sleep 600 & echo $!; wait"
    group = ChildGroup()
    child = group.start(["/bin/sh", "-c", deaf], log=log)
    eventually(lambda: log.read_text().endswith("\n"))
    grandchild = psutil.Process(int(log.read_text()))

    group.stop(0.1)
    assert child.returncode == -signal.SIGKILL
    eventually(lambda: has_ended(grandchild))


def test_the_children_of_a_program_that_is_killed_end_with_it(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import pathlib, time
        from local.children import ChildGroup
        child = ChildGroup().start(["sleep", "600"], log=pathlib.Path({str(tmp_path / "log")!r}))
        print(child.pid, flush=True)
        time.sleep(600)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.name() == "sleep"
        parent.kill()

    eventually(lambda: has_ended(child))


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process of another parent has ended, collected by it or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
