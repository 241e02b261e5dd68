"""A folder into which files fall: each is claimed, published, and put into done/ or failed/."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import (
    AbstractContextManager,
    ExitStack,
    aclosing,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from watchfiles import awatch

from contracts import legible
from publisher_app.failures import Failure, NotConfirmed, UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.claims import TOUCHED_EVERY_SECONDS, Claims
from publisher_app.inputs.files import FileOutcome, OpenFile, publish_file
from publisher_app.inputs.growing import SETTLED_SECONDS
from publisher_app.inputs.resting import Resting
from publisher_app.intake import Intake
from publisher_app.names import beside
from publisher_app.rejects import rejects_path

logger = logging.getLogger(__name__)

# Every watcher loses events, and some file systems send none.
_RESCAN_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.5
_PAUSE_SECONDS = 5.0
_DIRECTORIES = (".claims", "done", "failed")
_KILLS = (
    "each publisher that had it in hand has died. Is it too large for their memory? If something"
    " else ended them, move it back: nothing counts twice"
)


@dataclass(frozen=True)
class _End:
    """What a file in hand has come to, when all that is left is to put it away."""

    outcome: FileOutcome = field(default_factory=FileOutcome)
    reason: str | None = None
    """Why it has failed, if it has."""

    @property
    def where(self) -> str:
        return "done" if self.reason is None else "failed"

    def beside(self, to: Path) -> Path:
        """Name what is written beside the file there."""
        return rejects_path(str(to)) if self.reason is None else beside(to, ".reason")


@dataclass
class _File:
    """A file that is to be published, and what keeps it waiting."""

    path: Path
    end: _End | None = None
    state: tuple[int, int] | None = None
    """Its size and time of change before it was read."""
    problem: str | None = None
    again_at: float = 0.0


@dataclass(frozen=True)
class _Done:
    """A file that was put into done/ just now, to which a slow writer may still write."""

    path: Path
    rejects: Path | None
    state: tuple[int, int] | None
    until: float


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
        watched_apart: Collection[str] = (),
    ) -> None:
        """``open_file`` opens a file by its name; ``polling`` is for network file systems.

        ``watched_apart`` are the directories in it that are folders of their own.
        """
        self.path = path
        self._open_file = open_file
        self._polling = polling
        self._formats = formats
        self._intake = intake
        self._claims = Claims(path)
        self._resting = Resting(path)
        self._unusable: str | None = None
        self._told: str | None = None
        self._waiting: dict[Path, _File] = {}
        self._done: list[_Done] = []
        # What is in any other directory would wait for ever.
        self._passed_over = {*_DIRECTORIES, *watched_apart}

    async def problem(self) -> str | None:
        """Say why the folder could not be read at the last look, or what keeps files waiting.

        A directory is named, and no file: its name may have a patient in it.
        """
        problems = [self._unusable, *(file.problem for file in self._waiting.values())]
        return "; ".join(dict.fromkeys(filter(None, problems))) or None

    async def watch(self) -> None:
        """Publish what lies there, and then what comes, until it is cancelled."""
        try:
            async with self._touched(), aclosing(self._looks()) as looks:
                async for _ in looks:
                    await self.take_all()
        finally:
            self._claims.release()

    async def take_all(self) -> None:
        """Publish every file that is complete, and every one that another has left.

        One that can't be taken or put away waits, while the others go on.
        """
        try:
            found = await asyncio.to_thread(self._found)
        except Exception as error:  # noqa: BLE001 - else nothing would be taken any more, untold
            self._unusable = self._problem_of(error)
        else:
            self._unusable = None
            there = {*found}
            self._waiting = {path: each for path, each in self._waiting.items() if path in there}
            for path in found:
                if (file := self._waiting.get(path, _File(path))).again_at <= time.monotonic():
                    await self._take(file)
        await self._tell()

    def _found(self) -> list[Path]:
        self._tell_of_directories()
        now = time.monotonic()
        return [*self._claims.left(), *self._taken_back(now), *self._resting.complete(now)]

    def _tell_of_directories(self) -> None:
        """Tell once of each directory that is left alone."""
        with os.scandir(self.path) as entries:
            found = {each.name for each in entries if each.is_dir(follow_symlinks=False)}
        for name in sorted(found - self._passed_over):
            self._passed_over.add(name)
            if not name.startswith("."):
                logger.warning(
                    "the directory %s is left alone: one in the folder that is named as a profile, "
                    "and is there at the start, is watched",
                    legible(str(self.path / name)),
                )

    def _taken_back(self, now: float) -> list[Path]:
        """Claim anew what was written to since it was published."""
        before, self._done = self._done, []
        claimed = []
        for done in before:
            try:
                if _state(done.path) != done.state:
                    claimed += self._claimed_anew(done, now)
                elif now < done.until:
                    self._done.append(done)
            except FileNotFoundError:
                continue  # who runs it has taken it away
            except OSError:
                self._done.append(done)
        return claimed

    def _claimed_anew(self, done: _Done, now: float) -> list[Path]:
        claimed = self._claims.take(done.path)
        if claimed is None:  # one of its name is in hand, or it has just gone
            self._done.append(done)
            return []
        self._tell_written_to(claimed)
        file = _File(claimed, again_at=now + _PAUSE_SECONDS)
        self._waiting = {**self._waiting, claimed: file}
        if done.rejects is not None:
            with suppress(OSError):  # they stay, and the file gets a number
                done.rejects.unlink()
        return [claimed]

    async def _take(self, file: _File) -> None:
        found_at = file.path
        try:
            is_waiting = not await self._is_out_of_hand(file)
            file.problem = None
        except Exception as error:  # noqa: BLE001 - else it would end the look for all the others
            is_waiting = not await asyncio.to_thread(self._is_gone, file)
            file.problem = self._problem_of(error)
        self._waiting.pop(found_at, None)
        if is_waiting:
            file.again_at = time.monotonic() + _PAUSE_SECONDS
            self._waiting[file.path] = file
            await self._tell()

    async def _is_out_of_hand(self, file: _File) -> bool:
        """Publish a file and put it away; False if it was written to meanwhile.

        Raises:
            OSError, Failure: it can't be claimed, published or moved yet.

        """
        claimed = await asyncio.to_thread(self._claims.take, file.path)
        if claimed is None:
            return True
        file.path = claimed
        file.end = file.end or await self._end_of(file)
        if file.end.outcome.is_another_run_now:
            file.end = None
            self._tell_written_to(claimed)
            return False
        await self._put_away(file, file.end)
        return True

    def _is_gone(self, file: _File) -> bool:
        """Say whether a file is there no more, though the folder is: who has it publishes it."""
        if file.path.exists() or not self.path.exists():
            return False
        self._claims.forget(file.path)
        logger.warning("%s was taken over by another publisher", self._spoken(file.path))
        return True

    def _problem_of(self, error: Exception) -> str:
        if isinstance(error, OSError):
            place = self._place_of(error)
            return f"{place} can't be used: {error.strerror or type(error).__name__}"
        if isinstance(error, Failure):
            return f"{self.path}: {error}"
        # The name alone: the text of an unknown error may hold a patient's.
        return f"{self.path} can't be used: an error of this program: {type(error).__name__}"

    def _place_of(self, error: OSError) -> Path:
        """Tell which directory it is about: the folder, or one of those that are made in it."""
        path = Path(str(error.filename))
        for name in _DIRECTORIES:
            place = self.path / name
            if path.is_relative_to(place) and place.exists():
                return place
        return self.path

    async def _tell(self) -> None:
        problem = await self.problem()
        if problem != self._told:
            if problem is not None:
                logger.error("%s; trying again", problem)
            else:
                logger.info("%s can be used again", self.path)
        self._told = problem

    async def _end_of(self, file: _File) -> _End:
        """Publish a claimed file, if it can be read.

        Raises:
            OSError, Failure: there is no room, or no folder; it is to be published again.

        """
        if self._claims.has_killed(file.path):
            return _End(reason=_KILLS)
        try:
            return _End(await self._publish(file))
        except UnreadableInput as failure:
            # Where it is in hand no more, that says so: it says nothing of what is in the file.
            await asyncio.to_thread(file.path.stat)
            told = str(failure).replace(legible(str(file.path)), file.path.name)
            return _End(reason=legible(told))
        except (OSError, Failure):
            raise
        except Exception as error:  # noqa: BLE001 - else it would come again for ever
            # The name alone: the text of an unknown error may hold a patient's.
            return _End(reason=f"an error of this program: {type(error).__name__}")

    async def _publish(self, file: _File) -> FileOutcome:
        """Publish a file until all of it is confirmed."""
        rejects = self._claims.rejects_of(file.path)
        while True:
            outcome = FileOutcome()
            rejects.unlink(missing_ok=True)
            file.state = _state(file.path)
            try:
                with self._open_file(str(file.path)) as opened:
                    await publish_file(
                        opened, self._formats, self._intake, outcome, lambda _: None, rejects
                    )
            except NotConfirmed as failure:
                logger.warning("%s: %s; trying again", self._spoken(file.path), failure)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            return outcome

    async def _put_away(self, file: _File, end: _End) -> None:
        """Put a file into done/ or failed/.

        Raises:
            OSError: it can't be moved. Where there is no place for it yet, all is kept for later.

        """
        name, where = legible(file.path.name), legible(str(self.path / end.where))
        await asyncio.to_thread(self._move, file, end)
        if end.reason is None:
            logger.info("%s is in %s/: %s", name, where, end.outcome)
        else:
            logger.error("%s is in %s/: %s", name, where, end.reason.removeprefix(f"{name} "))

    def _move(self, file: _File, end: _End) -> None:
        claimed, rejects = file.path, self._claims.rejects_of(file.path)
        to, written = _reserved(self.path / end.where, claimed.name, end)
        # What goes wrong from here on may cost the rejects: then it is published again.
        file.end = None
        try:
            # First what lies beside it: after a crash in between the file is still claimed.
            if end.reason is not None:
                written.write_text(f"{end.reason}\n", encoding="utf-8")
            elif end.outcome.rejected:
                end.outcome.rejects = rejects.replace(written)
            else:
                written.unlink()
            claimed.replace(to)
        except BaseException:
            with suppress(OSError):
                if end.outcome.rejects == written:
                    end.outcome.rejects = written.replace(rejects)
                if not end.outcome.rejected or rejects.exists():
                    file.end = end
            for made in (to, written):
                with suppress(OSError):
                    made.unlink()
            raise
        self._claims.forget(claimed)
        if end.reason is None:
            beside_it = written if end.outcome.rejected else None
            until = time.monotonic() + SETTLED_SECONDS
            self._done.append(_Done(to, beside_it, file.state, until))

    async def _looks(self) -> AsyncGenerator[None]:
        """Tell when to look: at the start, on changes, and now and then in any case."""
        while True:
            yield
            if self._unusable is not None:
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

    def _tell_written_to(self, claimed: Path) -> None:
        logger.warning(
            "%s was written to since it was read: all of it is published again; write under "
            "another name, such as NAME.part, and rename",
            self._spoken(claimed),
        )

    def _spoken(self, claimed: Path) -> str:
        """Name a file by where it fell."""
        return legible(str(self.path / claimed.name))

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


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _reserved(folder: Path, name: str, end: _End) -> tuple[Path, Path]:
    """Reserve a name and that of what is written beside it, with a number where one is taken."""
    folder.mkdir(exist_ok=True)
    for number in count(1):
        to = beside(folder / name, f".{number}" if number > 1 else "")
        with suppress(FileExistsError), ExitStack() as undone:
            for path in (to, end.beside(to)):
                path.touch(mode=0o600, exist_ok=False)
                undone.callback(path.unlink)
            undone.pop_all()
            return to, end.beside(to)
    raise AssertionError  # numbers don't end
