"""Rejects: the records that are no events, kept as they were with reason and run beside them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

import msgspec

from publisher_app.failures import RejectsNotWritten
from publisher_app.formats.records import Record
from publisher_app.names import beside

_BEGINNING = b'{"line": '


def rejects_path(input_name: str, *, is_file: bool = True) -> Path:
    """Name the rejects file of an input: beside a file, here for standard input."""
    return beside(Path(input_name if is_file else "stdin"), ".rejects.jsonl")


def remove_earlier_rejects(path: Path) -> None:
    """Remove what an earlier run wrote, of an input of which nothing is rejected any more.

    A file that only has such a name stays.

    Raises:
        RejectsNotWritten: the file can't be read or removed.

    """
    with _writing():
        if path.is_file() and holds_rejects(path):
            path.unlink()


def holds_rejects(path: Path) -> bool:
    """Tell whether a file begins as those that are written here."""
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


def shown(content: object) -> object:
    """Give a record's content as JSON holds it: one that was not taken apart is now, if it can."""
    if not isinstance(content, msgspec.Raw):
        return content
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return bytes(content).decode(errors="surrogateescape")


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RejectsNotWritten(f"the rejects can't be written: {error.strerror}") from error


class Rejects:
    """A file of JSON Lines, made for the first reject and replaced by the next run."""

    def __init__(self, path: Path, run: str) -> None:
        self.path = path
        self._run = run
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with _writing():
                self._file.close()

    def add(self, record: Record, reason: str) -> None:
        """Write a record down.

        Raises:
            RejectsNotWritten: the file can't be written.

        """
        reject = {
            "line": record.place,
            "reason": reason,
            "row": shown(record.content),
            "run": self._run,
        }
        with _writing():
            self._file = self._file or self._new()
            self._file.write(json.dumps(reject) + "\n")

    def _new(self) -> IO[str]:
        # The records name patients: nobody else may read them.
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.path.touch(mode=0o600)
        return self.path.open("w", encoding="ascii")
