"""Rejects: the rows that are no events, kept as they were with the reason beside them."""

import json
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from publisher_app.formats.rows import Row
from publisher_app.inputs.files import STANDARD_INPUT

_BEGINNING = b'{"line": '


def rejects_path(name: str) -> Path:
    """Name the rejects file of an input: beside a file, here for standard input."""
    return Path(f"{'stdin' if name == STANDARD_INPUT else name}.rejects.jsonl")


def remove_earlier_rejects(name: str) -> None:
    """Remove what an earlier run wrote beside a file of which no row is rejected any more.

    The rejects of standard input stay: they may be those of another input. So does a file that
    only has such a name.

    Raises:
        OSError: the file can't be read or removed.

    """
    path = rejects_path(name)
    if name != STANDARD_INPUT and path.is_file() and _holds_rejects(path):
        path.unlink()


def _holds_rejects(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


class Rejects:
    """A file of JSON Lines, made when the first row is rejected and replaced by the next run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row, reason: str) -> None:
        """Write a row down.

        Raises:
            OSError: the file can't be written.

        """
        if self._file is None:
            # The rows name patients: nobody else may read them.
            with suppress(FileNotFoundError):
                self.path.unlink()
            self.path.touch(mode=0o600)
            self._file = self.path.open("w", encoding="ascii")
        reject = {"line": row.line, "reason": reason, "row": row.content}
        self._file.write(json.dumps(reject) + "\n")
        self.count += 1
