"""Answers about patients with many events, which another process makes one after the other."""

import asyncio
import logging
import os
import pickle
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from weakref import finalize

import msgspec

from consumer_app.queries.answering import COMMAND, End, read_end
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from runtime.http.problems import Busy

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]

_LONGEST_WAIT_SECONDS = 10
_DEADLINE_SECONDS = 120.0
_PART_BYTES = 64 * 1024


class StoredAnswer:
    """An answer in a file that nobody else sees, and that is gone with it."""

    def __init__(self) -> None:
        with TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        self.size = 0
        self.last_received_at: datetime | None = None

    def add(self, part: bytes) -> None:
        """Add a part of it."""
        while part:
            written = os.write(self._file, part)
            self.size += written
            part = part[written:]

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield it in parts: it may be read by several, each at a pace of its own."""
        for at in range(0, self.size, _PART_BYTES):
            yield os.pread(self._file, _PART_BYTES, at)


class TooMuchForMemory(Exception):
    """An answer takes more memory than there is for it."""


class AnswersApart:
    """Answers queries one after the other; equal ones that come meanwhile get the same answer."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """``environment`` is what the other process is told beside this one's: DATABASE_URL."""
        self._environment = environment
        self._turn = asyncio.Lock()
        self._asked: dict[str, asyncio.Task[StoredAnswer]] = {}
        self._process: Process | None = None

    async def answer(self, query: PeriodsQuery) -> StoredAnswer:
        """Have a query answered.

        Raises:
            Busy: others are before it, for longer than anybody should wait.
            DatabaseUnavailable: the database can't be read, or the other process has failed.
            TooMuchForMemory: it takes more than there is.
            UnreadableEvents: an event that is stored can't be read.

        """
        key = query.model_dump_json()
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._answer(query))
            task.add_done_callback(lambda _: self._asked.pop(key))
        # Whoever waits with others may leave.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is asked, and end the other process."""
        asked = [*self._asked.values()]
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await self._dismiss()

    async def _dismiss(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.returncode is None:
            process.kill()
        return await process.wait()

    async def _answer(self, query: PeriodsQuery) -> StoredAnswer:
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            why = "other patients with many events are being answered"
            raise Busy(why, retry_after_seconds=_LONGEST_WAIT_SECONDS) from None
        try:
            answer, end = await self._ask_in_time(query)
        finally:
            self._turn.release()
        if end.is_unreadable:
            raise UnreadableEvents
        if end.is_too_much:
            raise TooMuchForMemory
        if end.unavailable is not None:
            raise DatabaseUnavailable(end.unavailable)
        answer.last_received_at = end.last_received_at
        return answer

    async def _ask_in_time(self, query: PeriodsQuery) -> tuple[StoredAnswer, End]:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                answer, end = await self._ask(query)
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            status = await self._dismiss()
            # Without the error's text, which may name a patient.
            logger.error("the process that answers ended with %s", status)  # noqa: TRY400
            raise DatabaseUnavailable("the process that answers failed") from error
        except BaseException:
            # Given up in the middle, it would answer this when it is asked for the next.
            await self._dismiss()
            raise
        if end.took_much:
            await self._dismiss()
        return answer, end

    async def _ask(self, query: PeriodsQuery) -> tuple[StoredAnswer, End]:
        if self._process is None or self._process.returncode is not None:
            self._process = await self._start()
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        asked = pickle.dumps(query)
        stdin.write(b"%d\n" % len(asked) + asked)
        answer = StoredAnswer()
        while size := int(await stdout.readline()):
            while size:
                part = await stdout.read(min(size, _PART_BYTES))
                if not part:
                    raise EOFError
                answer.add(part)
                size -= len(part)
        return answer, read_end(await stdout.readline())

    async def _start(self) -> Process:
        # In the same folder, which a database's address may begin from.
        path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            env={**os.environ, "PYTHONPATH": path, **self._environment},
            stdin=PIPE,
            stdout=PIPE,
            # A traceback may name patients.
            stderr=DEVNULL,
            start_new_session=True,
        )
