"""Answers about patients with many events, which other processes make one after the other."""

import asyncio
import logging
import os
import pickle
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from weakref import finalize

import msgspec

from consumer_app.queries.answering import COMMAND, End, Lane, read_end
from consumer_app.queries.layouts import Query
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from runtime.child import Child
from runtime.http.etags import EntityTag
from runtime.http.problems import Busy

logger = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 10
_DEADLINE_SECONDS = 120.0
# An answer whose clients have gone is waited for a little: nearly all end in it, and who asks again
# at once gets it. A new process would take as long.
_PATIENCE_SECONDS = 2.0
_PART_BYTES = 64 * 1024


class StoredAnswer:
    """An answer in a file that nobody else sees, and that is gone with it."""

    def __init__(self) -> None:
        with _in_the_temporary_folder(), TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        self.size = 0
        self.tag = EntityTag()
        self.last_received_at: datetime | None = None

    def add(self, part: bytes) -> None:
        """Add a part of it."""
        self.tag.add(part)
        while part:
            with _in_the_temporary_folder():
                written = os.write(self._file, part)
            self.size += written
            part = part[written:]

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield it in parts: it may be read by several, each at a pace of its own."""
        for at in range(0, self.size, _PART_BYTES):
            yield os.pread(self._file, _PART_BYTES, at)


@contextmanager
def _in_the_temporary_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _too_long() from error


def _too_long() -> DatabaseUnavailable:
    why = "the temporary folder can't hold the answer"
    logger.error(why)
    return DatabaseUnavailable(why)


class TooMuchForMemory(Exception):
    """An answer takes more memory than there is for it."""


class AnswersApart:
    """Answers queries one after the other; equal ones that come meanwhile get the same answer.

    Giant patients have a lane of their own, where nobody else waits for them.
    """

    def __init__(self, environment: Mapping[str, str], room: asyncio.Lock) -> None:
        """``environment`` is what the other processes are told beside this one's: its settings.

        ``room`` is held while there is a process for a giant: see ``consumer_app.memory``.
        """
        self._many = _Process(Lane.MANY, environment, asyncio.Lock())
        self._giant = _Process(Lane.GIANT, environment, room)
        self._asked: dict[str, _Asked] = {}

    async def answer(self, query: Query) -> StoredAnswer:
        """Have a query answered. It is given up when all who asked have been cancelled.

        Raises:
            Busy: others are before it, for longer than anybody should wait.
            DatabaseUnavailable: the database can't be read, the temporary folder can't hold the
                answer, or the other process has failed.
            TooMuchForMemory: it takes more than there is.
            UnreadableEvents: an event that is stored can't be read.

        """
        key = repr(query)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = _Asked(asyncio.create_task(self._answer(query)))
            asked.answer.add_done_callback(lambda _: self._forget(key, asked))
        asked.clients += 1
        if asked.giving_up is not None:
            asked.giving_up.cancel()
        try:
            return await asyncio.shield(asked.answer)
        finally:
            asked.clients -= 1
            if not asked.clients and not asked.answer.done():
                loop = asyncio.get_running_loop()
                asked.giving_up = loop.call_later(_PATIENCE_SECONDS, self._give_up, key, asked)

    async def close(self) -> None:
        """Give up what is asked, and end the other processes."""
        answers = [asked.answer for asked in self._asked.values()]
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
        for process in (self._many, self._giant):
            await process.dismiss()

    def _give_up(self, key: str, asked: "_Asked") -> None:
        self._forget(key, asked)
        asked.answer.cancel()

    def _forget(self, key: str, asked: "_Asked") -> None:
        if self._asked.get(key) is asked:
            del self._asked[key]

    async def _answer(self, query: Query) -> StoredAnswer:
        patience = _Patience()
        answer, end = await self._many.answer(query, patience)
        if end.is_giant or end.is_too_much:
            answer, end = await self._giant.answer(query, patience)
        if end.is_too_much:
            raise TooMuchForMemory
        if end.is_too_long:
            raise _too_long()
        if end.is_unreadable:
            raise UnreadableEvents
        if end.unavailable is not None:
            raise DatabaseUnavailable(end.unavailable)
        answer.last_received_at = end.last_received_at
        return answer


@dataclass
class _Asked:
    answer: asyncio.Task[StoredAnswer]
    clients: int = 0
    """Those who wait for it."""
    giving_up: asyncio.TimerHandle | None = None
    """Set when the last of them leaves."""


class _Patience:
    """How long a question may wait for its turns, in all lanes together."""

    def __init__(self) -> None:
        self._seconds: float = _LONGEST_WAIT_SECONDS

    @asynccontextmanager
    async def turn(self, turns: asyncio.Lock) -> AsyncIterator[None]:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                await turns.acquire()
        except TimeoutError:
            why = "other patients with many events are being answered"
            raise Busy(why, retry_after_seconds=_LONGEST_WAIT_SECONDS) from None
        self._seconds -= time.monotonic() - began
        try:
            yield
        finally:
            turns.release()


class _Process:
    """The process of a lane, which answers one query after the other."""

    def __init__(self, lane: Lane, environment: Mapping[str, str], turn: asyncio.Lock) -> None:
        self._lane = lane
        self._environment = environment
        self._turn = turn
        self._child: Child | None = None

    async def answer(self, query: Query, patience: _Patience) -> tuple[StoredAnswer, End]:
        async with patience.turn(self._turn):
            return await self._ask_in_time(query)

    async def dismiss(self) -> int | None:
        """End it, where there is one; return its status."""
        child, self._child = self._child, None
        return None if child is None else await child.end()

    async def _ask_in_time(self, query: Query) -> tuple[StoredAnswer, End]:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                answer, end = await self._ask(query)
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            status = await self.dismiss()
            # Without the error's text, which may name a patient.
            logger.error("the process that answers ended with %s", status)  # noqa: TRY400
            raise DatabaseUnavailable("the process that answers failed") from error
        except BaseException:
            # Given up in the middle, it would answer this when it is asked for the next.
            await self.dismiss()
            raise
        if end.is_too_much or self._lane is Lane.GIANT:
            # Python gives back little of what it has taken, and the room is for others, too.
            await self.dismiss()
        return answer, end

    async def _ask(self, query: Query) -> tuple[StoredAnswer, End]:
        if self._child is None or self._child.has_ended:
            self._child = await Child.start((*COMMAND, self._lane), self._environment)
        await self._child.ask(pickle.dumps(query))
        answer, answers = StoredAnswer(), self._child.answers
        while size := int(await answers.readline()):
            while size:
                part = await answers.read(min(size, _PART_BYTES))
                if not part:
                    raise EOFError
                answer.add(part)
                size -= len(part)
        return answer, read_end(await answers.readline())
