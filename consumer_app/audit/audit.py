"""The audit of one process: its chain, and the commits that those who wait share."""

import asyncio
import logging
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from consumer_app.audit.chain import Codes, Head
from consumer_app.audit.errors import AuditUnavailable, Unrecordable, UnusableAudit
from consumer_app.audit.key import make_key, read_key
from consumer_app.audit.records import Record, write_record
from consumer_app.audit.sinks import MOST_LINKS, ChainTaken, Sink
from consumer_app.audit.verification import told
from runtime.http.health import Remark

logger = logging.getLogger(__name__)

_TELL_SECONDS = 60.0
_GATHER_SECONDS = 0.005
_FEWEST_TO_GATHER = 8
"""With fewer, what they save by sharing a commit is less than what they lose by waiting."""
LITTLE_ROOM = 256 * 1024 * 1024
"""With fewer bytes left on the disk it is told of: it is full after some 500,000 records more."""

_Waiting = tuple[bytes, "asyncio.Future[None]"]


class Audit:
    """Records, durably and in a chain, before anybody is answered."""

    def __init__(self, sink: Sink, key_file: Path) -> None:
        self._sink = sink
        self._key_file = key_file
        self._opening = asyncio.Lock()
        self._codes: Codes | None = None
        """There once it is open."""
        self._head: Head | None = None
        """None where a chain has still to be begun."""
        self._told: Head | None = None
        self._told_chain: int | None = None
        """Of the chains up to this one it is others' task to tell; None before it is open."""
        self._waiting: list[_Waiting] = []
        self._expected = 1
        self._all_wait = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._failure: str | None = None

    async def __aenter__(self) -> Self:
        """Have the log told of the chain's head each minute, as long as the context lasts."""
        self._telling = asyncio.create_task(self._tell_each_minute())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._telling is not None:
            self._telling.cancel()
        await self.close()
        self._tell()

    async def record(self, record: Record, expected: int = 1) -> None:
        """Record something; return once it is durable.

        ``expected`` is how many are under way, with this one, and may share its commit.

        Raises:
            AuditUnavailable: it is not durable, so it must not happen.

        """
        recorded = asyncio.get_running_loop().create_future()
        self._waiting.append((write_record(record), recorded))
        self._expected = expected
        if len(self._waiting) >= expected:
            self._all_wait.set()
        if self._writing is None:
            # In a task of its own: who gives up waiting ends nobody else's commit.
            self._writing = asyncio.create_task(self._write())
        await recorded

    async def open(self) -> None:
        """Make ready to record.

        Raises:
            UnusableAudit: somebody has to act before it can be.
            AuditUnavailable: it can't be now; the next record tries again.

        """
        try:
            await self._opened()
        except AuditUnavailable as error:
            self._failure = str(error)
            raise

    async def problem(self) -> str | None:
        """Say why nothing can be recorded; a ``Remark`` while the disk has only little room."""
        if self._failure is not None:
            try:
                await self.open()
            except AuditUnavailable as error:
                return str(error)
            self._failure = None
        free = self._sink.free_bytes()
        if free is None or free >= LITTLE_ROOM:
            return None
        return Remark(
            f"its disk has {free // 1024**2} MiB left, and once it is full nothing is answered: "
            "make room"
        )

    async def close(self) -> None:
        """Record what waits, and let the database go."""
        if self._writing is not None:
            await self._writing
        await self._let_go()

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                waiting = self._waiting[:MOST_LINKS]
                del self._waiting[:MOST_LINKS]
                try:
                    await self._record(waiting)
                except Unrecordable:
                    for each in waiting:
                        with suppress(Unrecordable):
                            await self._record([each])
        finally:
            self._writing = None

    async def _record(self, waiting: Sequence[_Waiting]) -> None:
        """Commit what waits, and tell those who wait what came of it.

        Raises:
            Unrecordable: of one of them; where it is the only one, it is told.

        """
        try:
            await self._commit([record for record, _ in waiting], await self._opened())
        except Unrecordable as error:
            if len(waiting) == 1:
                logger.error("%s", error)  # noqa: TRY400 - it is one line
                _answer(waiting, error)
            raise
        except AuditUnavailable as error:
            _answer(waiting, error)
            await self._give_up(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            # Without its text, which may repeat a record.
            logger.error(  # noqa: TRY400
                "%s:\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
            )
            problem = AuditUnavailable(f"the audit has failed: {type(error).__name__}")
            _answer(waiting, problem)
            await self._give_up(str(problem))
        else:
            self._failure = None
            _answer(waiting, None)

    async def _give_up(self, failure: str) -> None:
        """Begin a chain with the next record: whether the last ones were written is not known."""
        if self._failure is None:
            logger.error("%s; nothing is answered", failure)
        self._failure = failure
        self._tell()
        self._head = None
        with suppress(AuditUnavailable):
            await self._let_go()

    async def _gather(self) -> None:
        """Wait a moment for those who are under way: a commit takes as long for one as for ten."""
        if len(self._waiting) < self._expected >= _FEWEST_TO_GATHER:
            self._all_wait.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._all_wait.wait()

    async def _commit(self, records: Sequence[bytes], codes: Codes) -> None:
        while True:
            head = self._head or Head.of_new(await self._sink.last_chain() + 1)
            links = list(codes.chained(head, records))
            try:
                await self._sink.append(links)
            except ChainTaken:
                self._head = None
            else:
                self._head = links[-1].head
                return

    async def _opened(self) -> Codes:
        async with self._opening:
            if self._codes is None:
                await self._sink.open()
                codes = Codes(await self._key())
                # Two keys would make two audits of one: the first has left its mark.
                if not codes.is_sealed(await self._sink.anchored(codes.anchor(Head.of_new(0)))):
                    raise UnusableAudit(
                        f"{self._key_file} is not the key of this audit: put that one there, or "
                        "set AUDIT_KEY_FILE to where it is"
                    )
                if self._told_chain is None:
                    self._told_chain = await self._sink.last_chain()
                self._codes = codes
            return self._codes

    async def _key(self) -> bytes:
        # Asked first: another process may make the key, and record, at any time.
        has_records = await self._sink.last_chain() > 0
        try:
            return read_key(self._key_file)
        except FileNotFoundError:
            if not has_records:
                return make_key(self._key_file)
            raise UnusableAudit(
                f"the audit has records, and its key {self._key_file} is missing: put it back, or "
                "set AUDIT_KEY_FILE to where it is"
            ) from None

    async def _let_go(self) -> None:
        async with self._opening:
            self._codes = None
            await self._sink.close()

    async def _tell_each_minute(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            self._tell()
            # The next minute tells what can't be read now.
            with suppress(AuditUnavailable):
                await self._tell_of_others()

    async def _tell_of_others(self) -> None:
        """Tell of chains that came since: a command's, above all, which has no log of its own."""
        if self._codes is None or self._told_chain is None:
            return
        for head in await self._sink.heads(self._told_chain):
            self._told_chain = head.chain
            if self._head is None or head.chain != self._head.chain:
                logger.info("%s", told(head))

    def _tell(self) -> None:
        if self._head is not None and self._head != self._told:
            logger.info("%s", told(self._head))
            self._told = self._head


def _answer(waiting: Sequence[_Waiting], problem: AuditUnavailable | None) -> None:
    for _, recorded in waiting:
        if recorded.done():
            # Who waited has given up.
            continue
        if problem is None:
            recorded.set_result(None)
        else:
            # One each: an exception is changed by who raises it.
            recorded.set_exception(type(problem)(str(problem)))
