"""A trial: what may have ended the process is first read in another one.

`python -m consumer_app.trial` is that other one: it reads the bodies of messages, each behind a
line with its size, and answers each with a line.
"""

import asyncio
import resource
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from contracts import read_message

COMMAND = (sys.executable, "-m", "consumer_app.trial")
_ROOT = Path(__file__).parents[1]

# The largest message takes a second and 70 MB.
_PROCESSOR_SECONDS = 20.0
_MEMORY_BYTES = 256 * 1024 * 1024

# No message does these: somebody ends the process from outside, or the machine is stalled.
_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP}
_DEADLINE_SECONDS = 60.0

# Longer than a message takes until it comes again and fails again.
_TOLD_SECONDS = 2 * _DEADLINE_SECONDS

_READY = b"ready\n"
_READ = b"read\n"


class TrialFailed(Exception):
    """There was no trial, and no message is at fault."""


class Trial:
    """Has messages read by another process, one after the other, for as long as any wait for it."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._process: Process | None = None
        self._problem: tuple[float, str] | None = None

    async def problem(self) -> str | None:
        """Say why there was no trial, if one was asked for of late and none has succeeded since."""
        if self._problem is None or time.monotonic() - self._problem[0] > _TOLD_SECONDS:
            return None
        return self._problem[1]

    async def judge(self, body: bytes) -> str | None:
        """Have a body read; tell how it ended the process, or None.

        Raises:
            TrialFailed: the process can't be started, was ended from outside, or took too long.

        """
        self._waiting += 1
        try:
            async with self._turn:
                ending = await self._judge(body)
        except TrialFailed as failed:
            self._problem = time.monotonic(), str(failed)
            raise
        finally:
            self._waiting -= 1
            if not self._waiting:
                await self._dismiss()
        self._problem = None
        return ending

    async def _judge(self, body: bytes) -> str | None:
        while True:
            # One that has read other bodies may have been broken by those.
            is_fresh = self._process is None
            status = await self._read(body)
            if status is None:
                return None
            if -status in _FROM_OUTSIDE:
                raise TrialFailed(f"the trial was ended from outside: {_ending(status)}")
            if is_fresh:
                return f"to read it ends the process: {_ending(status)}"

    async def _read(self, body: bytes) -> int | None:
        """Have a body read; return the status of a process that has ended instead."""
        if self._process is None:
            self._process = await _start()
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                if await _ask(self._process, body):
                    return None
                status = await self._process.wait()
        except TimeoutError:
            await self._dismiss()
            raise TrialFailed(f"the trial took longer than {_DEADLINE_SECONDS:.0f} s") from None
        except BaseException:
            # Given up in the middle: it would answer for this body when it is asked for the next.
            await self._dismiss()
            raise
        await self._dismiss()
        return status

    async def _dismiss(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _end(process)


async def _start() -> Process:
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            cwd=_ROOT,
            stdin=PIPE,
            stdout=PIPE,
            # A traceback may name patients.
            stderr=DEVNULL,
            # Ctrl-C in a terminal says nothing about a message.
            start_new_session=True,
        )
    except OSError as error:
        raise TrialFailed(f"the trial can't be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            if process.stdout is not None and await process.stdout.readline() == _READY:
                return process
    except TimeoutError:
        await _end(process)
        raise TrialFailed(f"the trial did not begin in {_DEADLINE_SECONDS:.0f} s") from None
    except BaseException:
        await _end(process)
        raise
    raise TrialFailed(f"the trial did not begin: {_ending(await _end(process))}")


async def _ask(process: Process, body: bytes) -> bool:
    """Hand a body over; tell whether it has been read, or else the process is at its end."""
    if process.stdin is None or process.stdout is None:
        return False
    try:
        process.stdin.write(b"%d\n" % len(body))
        process.stdin.write(body)
        await process.stdin.drain()
    except ConnectionError:
        return False
    return await process.stdout.readline() == _READ


async def _end(process: Process) -> int:
    if process.returncode is None:
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    return await process.wait()


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def main() -> None:
    """Read bodies within limits, until there are no more."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _say(_READY)
    while size := sys.stdin.buffer.readline():
        # SIGPROF, which ends the process, when so much of the processor's time is over: one whose
        # consumer is gone does not go on for ever.
        signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_SECONDS)
        read_message(sys.stdin.buffer.read(int(size)))
        _say(_READ)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
