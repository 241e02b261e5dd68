"""What a process asks its operating system for, in order, as strace tells it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.packages import ensure_program

_CALLS = "pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync"
# AMQP's frame of basic.ack: a method of 13 bytes on some channel, class 60, number 80.
_ACK = re.compile(r"\\x01\\x..\\x..\\x00\\x00\\x00\\x0d\\x00\\x3c\\x00\\x50")
_BEGUN = re.compile(r"^(?P<thread>\d+) +(?P<call>.+) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)$")


def strace(trace: Path) -> list[str]:
    """Give the command that runs another one and writes its system calls to a file."""
    program = str(ensure_program("strace", "strace"))
    # -D: the process that is started is the traced one, and strace a child of it.
    shown = ["-f", "-yy", "-x", "-s", "65536", "-e", f"trace={_CALLS}"]
    return [program, "-D", *shown, "-o", str(trace)]


@contextmanager
def killed_before(pid: int, *calls: str, path: Path | None = None, nth: int = 1) -> Iterator[None]:
    """Have a process killed (-9) where it asks for the nth of some calls, which is not made.

    With a ``path`` only those count that are about it, or rename it.
    """
    program = str(ensure_program("strace", "strace"))
    names = ",".join(calls)
    fault = f"inject={names}:retval=0:signal=SIGKILL:when={nth}"
    about = [] if path is None else ["-P", str(path)]
    command = [program, "-f", "-p", str(pid), *about, "-e", f"trace={names}", "-e", fault]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"no process can be traced that runs already: {said}")
        yield
        # It ends with the process.
        tracer.stderr.read()


def steps(trace: Path) -> Iterator[str]:
    """Tell what was done, in the order of its completion: "write", "sync" and "ack".

    A write or sync is one of SQLite's write-ahead log; an ack is told as often as one was sent.
    """
    for call in _completed(trace):
        if "-wal>" in call:
            yield "sync" if "sync(" in call else "write"
        elif "<TCP" in call:
            yield from ("ack" for _ in _ACK.findall(call))


def _completed(trace: Path) -> Iterator[str]:
    """Put the calls together that another thread's calls cut in two."""
    begun: dict[str, str] = {}
    for line in trace.read_text().splitlines():
        if found := _BEGUN.match(line):
            begun[found["thread"]] = found["call"]
        elif found := _RESUMED.match(line):
            yield begun.pop(found["thread"], "") + found["rest"]
        else:
            yield line
