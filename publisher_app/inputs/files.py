"""Files, and standard input: opened by content, not by name, and never held in memory."""

import io
import os
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO, cast

from contracts import legible
from publisher_app.failures import RejectsNotWritten, UnreadableInput
from publisher_app.formats.fhir.references import Gathering
from publisher_app.formats.foreign import PARQUET
from publisher_app.formats.recognition import Formats, Recognised, gather_references
from publisher_app.formats.records import Record
from publisher_app.formats.text import decode, reading
from publisher_app.inputs.growing import SETTLED_SECONDS, GrowingFile
from publisher_app.intake import Intake, Outcome
from publisher_app.rejects import Rejects, rejects_path, remove_earlier_rejects
from publisher_app.runs import STANDARD_INPUT, run_of_input, source_of_input


@dataclass
class FileOutcome(Outcome):
    """What has become of a file so far."""

    bytes_read: int = 0
    size: int | None = None
    """Bytes in all, where the input can tell."""
    rejects: Path | None = None
    """Where the rejected rows are."""
    ended: bool = False
    """Whether all of it was read."""
    is_another_run_now: bool = False
    """Whether it was written to since its size and time became the name of its run."""

    def __str__(self) -> str:
        told = [super().__str__()]
        if self.ended and not (self.published or self.rejected):
            told.append(f"there is {'nothing' if self.size == 0 else 'no row'} in it")
        if self.rejected and self.rejects is not None:
            told.append(f"the rejects are in {legible(str(self.rejects))}")
        if self.run and self.is_another_run_now:
            again = f"publish it again with --run {shlex.quote(self.run)} (PUBLISHER_RUN)"
            told.append(f"it was written to meanwhile: {again}")
        return "; ".join(told)


@dataclass(frozen=True)
class OpenFile:
    """A file and how far it is read, in bytes of the file as it lies there."""

    name: str
    _raw: BinaryIO
    _encoding: str | None
    _skip_lines: int
    size: int | None
    run: str
    """The run that the file is, unless another one is named."""
    _status: os.stat_result
    _settled_seconds: float

    @property
    def position(self) -> int:
        """Bytes read so far; 0 where the input can't tell."""
        return self._raw.tell() if self.size is not None else 0

    @property
    def was_written_to(self) -> bool:
        """Whether a regular file has changed since it was opened."""
        was, now = self._status, os.fstat(self._raw.fileno())
        changed = (now.st_size, now.st_mtime_ns) != (was.st_size, was.st_mtime_ns)
        return stat.S_ISREG(now.st_mode) and changed

    def recognise(self, formats: Formats) -> Recognised:
        """Find out in which of the ``formats`` the file is.

        Raises:
            UnreadableInput: it is in none, or can't be read; of the rest the records raise it.

        """
        with self._readable():
            recognised = self._recognise(formats)
        return recognised._replace(records=self._records(recognised))

    def _recognise(self, formats: Formats) -> Recognised:
        descriptor = self._raw.fileno()
        if self.size is not None and os.pread(descriptor, len(PARQUET), 0) == PARQUET:
            return formats.of_parquet(descriptor)
        return formats.recognise(
            self._text,
            skip_lines=self._skip_lines,
            live=self.size is None,
            gather=self._gather_anew if can_be_read_again(self.name) else None,
        )

    def gather(self, into: Gathering) -> None:
        """Keep what others may refer to, where the file is FHIR.

        Raises:
            UnreadableInput: it can't be read.

        """
        with self._readable():
            gather_references(self._text, into)

    def _gather_anew(self, into: Gathering) -> None:
        # What can't be read is told by the reading that counts.
        with (
            suppress(UnreadableInput),
            open_file(self.name, self._encoding, self._skip_lines, self._settled_seconds) as again,
        ):
            again.gather(into)

    def _records(self, recognised: Recognised) -> Iterator[Record]:
        with self._readable():
            yield from recognised.records

    @contextmanager
    def _readable(self) -> Iterator[None]:
        with _named(self.name), reading():
            yield

    @cached_property
    def _text(self) -> IO[str]:
        """The file as text, whose first bytes may have to be waited for.

        Kept, and left open: the raw file would be closed with it, and to close it is to wait for a
        thread that reads on.
        """
        return decode(self._raw, self._encoding)


def can_be_read_again(name: str) -> bool:
    """Say whether a file can be opened twice, and read from its beginning each time."""
    return name != STANDARD_INPUT and Path(name).is_file()


@contextmanager
def open_file(
    name: str,
    encoding: str | None = None,
    skip_lines: int = 0,
    settled_seconds: float = SETTLED_SECONDS,
) -> Iterator[OpenFile]:
    """Open a file, or standard input for ``-``, as text; gzip is undone. Nothing is read yet.

    It is UTF-8 unless an ``encoding`` is named; ``skip_lines`` are passed over at its beginning.
    Where the last row of a file is cut off, it is waited for until nothing was written to the file
    for ``settled_seconds``. Standard input is whole at its end.

    Raises:
        UnreadableInput: there is no such file, or it can't be opened.

    """
    with ExitStack() as stack:
        with _named(name), reading():
            raw = stack.enter_context(_raw(name, settled_seconds))
            size = raw.seek(0, io.SEEK_END) if raw.seekable() else None
            if size is not None:
                raw.seek(0)
            status = os.fstat(raw.fileno())
            run = run_of_input(name, status)
        yield OpenFile(name, raw, encoding, skip_lines, size, run, status, settled_seconds)


async def publish_file(
    file: OpenFile,
    formats: Formats,
    intake: Intake,
    outcome: FileOutcome,
    report: Callable[[FileOutcome], None],
    rejects_file: Path | None = None,
) -> None:
    """Publish what an open file holds; keep the ``outcome`` and ``report`` it as it goes.

    Rejected rows go to the ``rejects_file``: by default beside the file. It is a run of its own,
    unless the ``outcome`` names one.

    Raises:
        Failure: it was not published to its end.

    """
    path = rejects_file or rejects_path(file.name, is_file=file.name != STANDARD_INPUT)
    outcome.size, outcome.rejects = file.size, path
    outcome.source = source_of_input(file.name, run_is_named=outcome.run is not None)
    outcome.run = outcome.run or file.run

    def report_position() -> None:
        outcome.bytes_read = file.position
        if outcome.size is not None:  # it may have grown meanwhile
            outcome.size = max(outcome.size, outcome.bytes_read)
        report(outcome)

    try:
        with Rejects(path, outcome.run) as rejects:
            await intake.take_as_they_come(
                lambda: file.recognise(formats), rejects.add, outcome, report_position
            )
    except RejectsNotWritten:
        outcome.rejects = None
        raise
    finally:
        outcome.is_another_run_now = outcome.run == file.run and file.was_written_to
    outcome.ended = True
    # The rejects of standard input may be those of another input: they stay.
    if not outcome.rejected and rejects_file is None and file.name != STANDARD_INPUT:
        remove_earlier_rejects(path)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except UnreadableInput as error:
        raise UnreadableInput(f"{legible(name)} can't be read: {error}") from error


def _raw(name: str, settled_seconds: float) -> BinaryIO:
    if name == STANDARD_INPUT:
        return cast("BinaryIO", open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
    return GrowingFile(Path(name), settled_seconds)
