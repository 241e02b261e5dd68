"""A trial: what may have ended the process is first read in another one.

`python -m consumer_app.trial` is that other one: it reads the bodies of messages, and answers each
with a line.
"""

import asyncio
import resource
import signal
import sys
import time

from consumer_app.memory import for_a_trial
from contracts import read_message
from runtime.child import Child, limit_memory, questions, say

COMMAND = (sys.executable, "-m", "consumer_app.trial")

# The largest message takes a second.
_PROCESSOR_SECONDS = 20.0

# No message does these: somebody ends the process from outside, or the machine is stalled.
_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP}
_DEADLINE_SECONDS = 60.0

# A trial that waits for its room for longer is told: all that are suspicious wait behind it.
_LONG_SECONDS = 5.0

# Longer than a message takes until it comes again and fails again.
_TOLD_SECONDS = 2 * _DEADLINE_SECONDS

_READY = b"ready\n"
_READ = b"read\n"


class TrialFailed(Exception):
    """There was no trial, and no message is at fault."""


class Trial:
    """Has messages read by another process, one after the other, for as long as any wait for it."""

    def __init__(self, room: asyncio.Lock) -> None:
        """``room`` is held while there is a process: see ``consumer_app.memory``."""
        self._room = room
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._child: Child | None = None
        self._problem: tuple[float, str] | None = None
        self._waits_since: float | None = None

    async def problem(self) -> str | None:
        """Say why there is no trial, or was none of late and none has succeeded since."""
        if self._waits_since and time.monotonic() - self._waits_since > _LONG_SECONDS:
            return "the trial waits until a giant patient is answered"
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
            is_fresh = self._child is None
            status = await self._read(body)
            if status is None:
                return None
            if -status in _FROM_OUTSIDE:
                raise TrialFailed(f"the trial was ended from outside: {_ending(status)}")
            if is_fresh:
                return f"to read it ends the process: {_ending(status)}"

    async def _read(self, body: bytes) -> int | None:
        """Have a body read; return the status of a process that has ended instead."""
        child = self._child or await self._begin()
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                if await _has_read(child, body):
                    return None
                status = await child.wait()
        except TimeoutError:
            await self._dismiss()
            raise TrialFailed(f"the trial took longer than {_DEADLINE_SECONDS:.0f} s") from None
        except BaseException:
            # Given up in the middle: it would answer for this body when it is asked for the next.
            await self._dismiss()
            raise
        await self._dismiss()
        return status

    async def _begin(self) -> Child:
        self._waits_since = time.monotonic()
        try:
            await self._room.acquire()
        finally:
            self._waits_since = None
        try:
            self._child = await _start()
        except BaseException:
            self._room.release()
            raise
        return self._child

    async def _dismiss(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            try:
                await child.end()
            finally:
                self._room.release()


async def _start() -> Child:
    try:
        child = await Child.start(COMMAND)
    except OSError as error:
        raise TrialFailed(f"the trial can't be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            if await child.answers.readline() == _READY:
                return child
    except TimeoutError:
        await child.end()
        raise TrialFailed(f"the trial did not begin in {_DEADLINE_SECONDS:.0f} s") from None
    except BaseException:
        await child.end()
        raise
    raise TrialFailed(f"the trial did not begin: {_ending(await child.end())}")


async def _has_read(child: Child, body: bytes) -> bool:
    """Tell whether it has read a body; or else it is at its end."""
    try:
        await child.ask(body)
    except ConnectionError:
        return False
    return await child.answers.readline() == _READ


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def main() -> None:
    """Read bodies within limits, until there are no more."""
    limit_memory(for_a_trial())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    say(_READY)
    for body in questions():
        # SIGPROF, which ends the process, when so much of the processor's time is over: one whose
        # consumer is gone does not go on for ever.
        signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_SECONDS)
        read_message(body)
        say(_READ)


if __name__ == "__main__":
    main()
