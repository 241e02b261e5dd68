"""A child process that does what may take this one too much time or memory, or its life.

It runs a module of ours, which takes what it is asked from its standard input, each behind a line
with its size, and answers on its standard output. Nobody else hears of it: a traceback may name
patients, and a Ctrl-C in a terminal is not meant for it.
"""

import asyncio
import os
import resource
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

_ROOT = Path(__file__).parents[1]
# By default it is 8 MiB.
_STACK_BYTES = 1024 * 1024


class Child:
    """The process, as its parent sees it."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("its input and output must be pipes")
        self._process = process
        self._questions = process.stdin
        self.answers = process.stdout

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start it, with this process's environment and what is given beside it.

        It works in the same folder, from which a file's address may lead.

        Raises:
            OSError: it can't be started.

        """
        path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,
        )
        return cls(process)

    @property
    def has_ended(self) -> bool:
        """Whether it is at its end."""
        return self._process.returncode is not None

    async def ask(self, question: bytes) -> None:
        """Hand a question over.

        Raises:
            ConnectionError: it reads no more.

        """
        self._questions.write(b"%d\n" % len(question))
        self._questions.write(question)
        await self._questions.drain()

    async def wait(self) -> int:
        """Wait for its end; return the status."""
        return await self._process.wait()

    async def end(self) -> int:
        """End it, where it has not ended by itself; return the status."""
        if not self.has_ended:
            self._process.kill()
        self._questions.close()
        return await self.wait()


def questions() -> Iterator[bytes]:
    """Yield, in the child, what it is asked, until there is no more."""
    # Not sys.stdin, which Python can't close in its end while a thread reads it.
    with open(0, "rb", closefd=False) as asked:
        while size := asked.readline():
            yield asked.read(int(size))


def say(text: bytes) -> None:
    """Answer, in the child, with some bytes at once."""
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def limit_memory(most: int) -> None:
    """Let this process take no more than so many bytes of memory, whoever allowed it more.

    The stacks of threads that it starts from then on are small: all of them counts as taken.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    threading.stack_size(_STACK_BYTES)
