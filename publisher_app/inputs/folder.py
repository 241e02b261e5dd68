"""A folder into which files fall: each is claimed, published, and put into done/ or failed/."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from watchfiles import awatch

from publisher_app.failures import Failure, NotConfirmed, UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.claims import TOUCHED_EVERY_SECONDS, Claims
from publisher_app.inputs.files import FileOutcome, OpenFile, publish_file
from publisher_app.inputs.resting import Resting
from publisher_app.intake import Intake
from publisher_app.rejects import rejects_path

logger = logging.getLogger(__name__)

# Every watcher loses events, and some file systems send none.
_RESCAN_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.5
_PAUSE_SECONDS = 5.0
_KILLS = "each publisher that had it in hand has died: is it too large for their memory?"


@dataclass(frozen=True)
class _End:
    """What a file in hand has come to, when all that is left is to put it away."""

    claimed: Path
    outcome: FileOutcome = field(default_factory=FileOutcome)
    reason: str | None = None
    """Why it has failed, if it has."""

    @property
    def where(self) -> str:
        return "done" if self.reason is None else "failed"


class Folder:
    """Watches a folder that it may share with other publishers, and publishes one file at a time.

    A file is done only once RabbitMQ has confirmed all of it. Until then it stays claimed, and is
    published again, by whoever has it then, as the same run: nothing counts twice.
    """

    def __init__(
        self,
        path: Path,
        open_file: Callable[[str], AbstractContextManager[OpenFile]],
        formats: Formats,
        intake: Intake,
        *,
        polling: bool,
    ) -> None:
        """``open_file`` opens a file by its name; ``polling`` is for network file systems."""
        self.path = path
        self._open_file = open_file
        self._polling = polling
        self._formats = formats
        self._intake = intake
        self._claims = Claims(path)
        self._resting = Resting(path)
        self._problem: str | None = None
        self._end: _End | None = None

    async def problem(self) -> str | None:
        """Say why the folder could not be read or written at the last look."""
        return self._problem

    async def watch(self) -> None:
        """Publish what lies there, and then what comes, until it is cancelled."""
        try:
            async with self._touched(), aclosing(self._looks()) as looks:
                async for _ in looks:
                    await self.take_all()
        finally:
            self._claims.release()

    async def take_all(self) -> None:
        """Publish every file that is complete, and every one that another has left."""
        try:
            await self._put_away()
            for file in await asyncio.to_thread(self._found):
                if (claimed := await asyncio.to_thread(self._claims.take, file)) is not None:
                    self._end = await self._end_of(claimed)
                    await self._put_away()
        except OSError as error:
            self._tell(f"{self.path} can't be used: {error.strerror or error}")
        except Failure as failure:
            self._tell(f"{self.path}: {failure}")
        except Exception as error:  # noqa: BLE001 - else nothing would be taken any more, untold
            # The name alone: the text of an unknown error may hold a patient's.
            self._tell(
                f"{self.path} can't be used: an error of this program: {type(error).__name__}"
            )
        else:
            self._tell(None)

    def _found(self) -> list[Path]:
        return [*self._claims.left(), *self._resting.complete(time.monotonic())]

    def _tell(self, problem: str | None) -> None:
        if problem != self._problem:
            if problem is not None:
                logger.error("%s; trying again", problem)
            else:
                logger.info("%s can be used again", self.path)
        self._problem = problem

    async def _end_of(self, claimed: Path) -> _End | None:
        """Publish a claimed file, if it can be read; None if it is in hand no more.

        Raises:
            OSError, Failure: there is no room, or no folder; it is to be published again.

        """
        if self._claims.has_killed(claimed):
            return _End(claimed, reason=_KILLS)
        try:
            return _End(claimed, await self._publish(claimed))
        except UnreadableInput as failure:
            if await asyncio.to_thread(claimed.exists):
                return _End(claimed, reason=str(failure).replace(str(claimed), claimed.name))
            _tell_gone(claimed)
            return None
        except (OSError, Failure):
            raise
        except Exception as error:  # noqa: BLE001 - else it would come again for ever
            # The name alone: the text of an unknown error may hold a patient's.
            return _End(claimed, reason=f"an error of this program: {type(error).__name__}")

    async def _publish(self, claimed: Path) -> FileOutcome:
        """Publish a file until all of it is confirmed, and what was written to it meanwhile."""
        rejects = self._claims.rejects
        while True:
            outcome = FileOutcome()
            rejects.unlink(missing_ok=True)
            try:
                with self._open_file(str(claimed)) as file:
                    await publish_file(
                        file, self._formats, self._intake, outcome, lambda _: None, rejects
                    )
            except NotConfirmed as failure:
                logger.warning("%s: %s; trying again", claimed.name, failure)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if not outcome.is_another_run_now:
                return outcome

    async def _put_away(self) -> None:
        """Put the file in hand into done/ or failed/, if it has come to an end.

        Raises:
            OSError: it can't be moved. Where there is no place for it yet, all is kept for later.

        """
        if (end := self._end) is None:
            return
        if not await asyncio.to_thread(self._moved, end):
            _tell_gone(end.claimed)
        elif end.reason is None:
            logger.info("%s is in done/: %s", end.claimed.name, end.outcome)
        else:
            logger.error("%s is in failed/: %s", end.claimed.name, end.reason)

    def _moved(self, end: _End) -> bool:
        """Move a file to where it belongs; False if it is in hand no more."""
        to = _free_name(self.path / end.where, end.claimed.name)
        # What goes wrong from here on may cost the rejects: then it is published again.
        self._end = None
        try:
            # First what lies beside it: after a crash in between the file is still claimed.
            if end.reason is not None:
                _reason_of(to).write_text(f"{end.reason}\n", encoding="utf-8")
            elif end.outcome.rejected:
                end.outcome.rejects = rejects_path(str(to))
                self._claims.rejects.replace(end.outcome.rejects)
            end.claimed.replace(to)
        except OSError:
            for made in (to, _reason_of(to), rejects_path(str(to))):
                made.unlink(missing_ok=True)
            if end.claimed.exists():
                raise
            return False
        return True

    async def _looks(self) -> AsyncGenerator[None]:
        """Tell when to look: at the start, on changes, and now and then in any case."""
        while True:
            yield
            if self._problem is not None:
                await asyncio.sleep(_PAUSE_SECONDS)
            elif self._resting.are_awaited:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            else:
                await self._change()

    async def _change(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_RESCAN_SECONDS):
                try:
                    async for _ in awatch(
                        self.path,
                        watch_filter=None,
                        recursive=False,
                        force_polling=self._polling or None,
                    ):
                        return
                except (OSError, RuntimeError):
                    # There is no folder, or the system has no watch left for it.
                    await asyncio.sleep(_RESCAN_SECONDS)

    @asynccontextmanager
    async def _touched(self) -> AsyncIterator[None]:
        async def touch() -> None:
            while True:
                await asyncio.sleep(TOUCHED_EVERY_SECONDS)
                with suppress(OSError):  # looking at the folder tells of it
                    await asyncio.to_thread(self._claims.touch)

        task = asyncio.create_task(touch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _tell_gone(claimed: Path) -> None:
    """Say that a file is in hand no more: who has it publishes it, as the same run."""
    logger.warning("%s was taken over by another publisher, or its folder is gone", claimed.name)


def _free_name(folder: Path, name: str) -> Path:
    """Reserve a name that no file has, with a number where one has it."""
    folder.mkdir(exist_ok=True)
    for number in count(1):
        path = folder / (name if number == 1 else f"{name}.{number}")
        with suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
            return path
    raise AssertionError  # numbers don't end


def _reason_of(failed: Path) -> Path:
    return failed.with_name(f"{failed.name}.reason")
