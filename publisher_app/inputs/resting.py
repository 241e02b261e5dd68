"""Resting: files that fall into a folder are taken once their writer has ended."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from publisher_app.formats.endings import Ending

WHOLE_AFTER_SECONDS = 2.0
"""A file that ends where a record ends, and to which nothing was written for so long, is whole."""
LEFT_AFTER_SECONDS = 60.0
"""Any other is as its writer left it: an empty one, or one without an end to its last line."""

_LEFT_ALONE = (".part", ".tmp")
_PART_BYTES = 64 * 1024


@dataclass
class _Seen:
    state: tuple[int, int, int]
    since: float
    is_whole: bool | None = None


class Resting:
    """Looks at a folder again and again, and tells which files have come to rest.

    How long a file rests is measured by waiting: its time of change is another machine's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, _Seen] = {}

    def complete(self, now: float) -> list[Path]:
        """Look at the folder ``now``, in seconds of a clock that never jumps; oldest files first.

        Raises:
            OSError: the folder is not there, or can't be read.

        """
        states = dict(sorted(_states(self._folder), key=lambda each: each[1][2]))
        self._seen = {
            path: seen
            if (seen := self._seen.get(path)) is not None and seen.state == state
            else _Seen(state, now)
            for path, state in states.items()
        }
        return [path for path, seen in self._seen.items() if _is_complete(path, seen, now)]

    @property
    def are_awaited(self) -> bool:
        """Whether files were there at the last look, which may come to rest before a change."""
        return bool(self._seen)


def _states(folder: Path) -> Iterator[tuple[Path, tuple[int, int, int]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.endswith(_LEFT_ALONE):
                continue
            try:
                # What a link names lies elsewhere, and would stay there.
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    state = status.st_ino, status.st_size, status.st_mtime_ns
                    yield folder / entry.name, state
            except FileNotFoundError:
                continue


def _is_complete(path: Path, seen: _Seen, now: float) -> bool:
    rested = now - seen.since
    if rested < WHOLE_AFTER_SECONDS:
        return False
    if rested >= LEFT_AFTER_SECONDS:
        return True
    if seen.is_whole is None:
        seen.is_whole = seen.state[1] > 0 and _is_whole(path)
    return seen.is_whole


def _is_whole(path: Path) -> bool:
    ending = Ending()
    try:
        with path.open("rb") as file:
            while part := file.read(_PART_BYTES):
                ending.add(part)
    except OSError:
        return False  # who publishes it says why
    return ending.is_whole
