"""A folder into which files fall: each is claimed, published, and put into done/ or failed/."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from itertools import count
from pathlib import Path

from watchfiles import awatch

from publisher_app.failures import Failure, UnreadableInput
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
            for file in await asyncio.to_thread(self._found):
                if (claimed := await asyncio.to_thread(self._claims.take, file)) is not None:
                    if self._claims.has_killed(claimed):
                        await self._fail(claimed, _KILLS)
                    else:
                        await self._finish(claimed)
        except OSError as error:
            self._tell(f"{self.path} can't be used: {error.strerror or error}")
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

    async def _finish(self, claimed: Path) -> None:
        """Publish a claimed file until all of it is confirmed, or it can't be read."""
        while True:
            outcome = FileOutcome()
            try:
                await self._publish(claimed, outcome)
            except UnreadableInput as failure:
                return await self._fail(claimed, str(failure).replace(str(claimed), claimed.name))
            except Failure as failure:
                logger.warning("%s: %s; trying again", claimed.name, failure)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - else it would come again for ever
                # The name alone: the text of an unknown error may hold a patient's.
                return await self._fail(
                    claimed, f"an error of this program: {type(error).__name__}"
                )
            # What was written to it meanwhile is not published yet.
            if not outcome.is_another_run_now:
                return await self._done(claimed, outcome)

    async def _done(self, claimed: Path, outcome: FileOutcome) -> None:
        if await self._move(claimed, "done", self._keep_rejects(outcome)):
            logger.info("%s is in done/: %s", claimed.name, outcome)

    async def _fail(self, claimed: Path, reason: str) -> None:
        def write_reason(to: Path) -> None:
            _reason_of(to).write_text(f"{reason}\n", encoding="utf-8")

        if await self._move(claimed, "failed", write_reason):
            logger.error("%s is in failed/: %s", claimed.name, reason)

    async def _publish(self, claimed: Path, outcome: FileOutcome) -> None:
        rejects = self._claims.rejects
        rejects.unlink(missing_ok=True)
        with self._open_file(str(claimed)) as file:
            await publish_file(file, self._formats, self._intake, outcome, lambda _: None, rejects)

    def _keep_rejects(self, outcome: FileOutcome) -> Callable[[Path], None]:
        def keep(to: Path) -> None:
            if outcome.rejected:
                outcome.rejects = rejects_path(str(to))
                self._claims.rejects.replace(outcome.rejects)

        return keep

    async def _move(self, claimed: Path, where: str, beside: Callable[[Path], None]) -> bool:
        """Move a file out of the claim; False if another publisher has taken it over."""

        def move() -> bool:
            to = _free_name(self.path / where, claimed.name)
            try:
                # First what lies beside it: after a crash in between the file is still claimed.
                beside(to)
                claimed.replace(to)
            except OSError:
                for made in (to, _reason_of(to), rejects_path(str(to))):
                    made.unlink(missing_ok=True)
                # This process stood still for long: who took the file over finishes it.
                if claimed.exists():
                    raise
                return False
            return True

        moved = await asyncio.to_thread(move)
        if not moved:
            logger.warning("%s was taken over by another publisher", claimed.name)
        return moved

    async def _looks(self) -> AsyncGenerator[None]:
        """Tell when to look: at the start, on changes, and now and then in any case."""
        while True:
            yield
            if self._resting.are_awaited:
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
