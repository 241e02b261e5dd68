"""Files that are being written: what their writer has cut off is waited for."""

import io
import logging
import os
import stat
import time
from pathlib import Path

from contracts import legible
from publisher_app.formats.endings import Ending

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 10.0
"""A file to which nothing was written for so long is as its writer left it."""

_PAUSE_SECONDS = 0.1
_PART_BYTES = 64 * 1024


class GrowingFile(io.FileIO):
    """A file whose end is where a record ends, or where nothing is written any more.

    Where a record is cut off and the file was written to lately, reading waits for the rest. An
    end that was told once stays one: what is written behind it is never a row of its own.
    """

    def __init__(self, path: Path, settled_seconds: float = SETTLED_SECONDS) -> None:
        super().__init__(path)
        self._told_name = legible(str(path))
        self._settled_seconds = settled_seconds
        self._may_grow = stat.S_ISREG(os.fstat(self.fileno()).st_mode)
        self._has_ended = False
        self._ending = Ending()
        self._looked_at = 0
        self._silent_until = time.monotonic()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # it never blocks
        """Read what comes next; 0 bytes, from then on, at the end."""
        if self._has_ended:
            return 0
        count = super().readinto(buffer)
        while not count and self._may_grow and self._is_fresh() and self._waited_for_more():
            count = super().readinto(buffer)
        self._has_ended = not count
        return count or 0

    # FileIO's own do not come by here.
    read = io.RawIOBase.read  # type: ignore[assignment] # it takes a None, too
    readall = io.RawIOBase.readall

    def _is_cut_off(self) -> bool:
        """Look at what was read since the last look, which only the end of a file is worth."""
        end = self.tell()
        while part := os.pread(
            self.fileno(), min(_PART_BYTES, end - self._looked_at), self._looked_at
        ):
            self._ending.add(part)
            self._looked_at += len(part)
        return not self._ending.is_whole

    def _waited_for_more(self) -> bool:
        """Where a record is cut off, wait until the file has grown, or is fresh no more."""
        if not self._is_cut_off():
            return False
        since, is_told = time.monotonic(), False
        while not (has_grown := self._is_longer_than_read()) and self._is_fresh(since):
            is_told = is_told or self._tell_waiting()
            time.sleep(_PAUSE_SECONDS)
        if is_told:
            became = "goes on" if has_grown else "was left as it is: its end counts as whole"
            logger.warning("%s %s", self._told_name, became)
        return has_grown

    def _is_longer_than_read(self) -> bool:
        return os.fstat(self.fileno()).st_size > self.tell()

    def _is_fresh(self, since: float = float("inf")) -> bool:
        # Another machine's clock may be ahead: of such a time nothing is known but our own waiting.
        age = time.time() - os.fstat(self.fileno()).st_mtime
        return max(age, time.monotonic() - since) < self._settled_seconds

    def _tell_waiting(self) -> bool:
        """Say it, but not again and again of a file that grows in small pieces."""
        now = time.monotonic()
        if now < self._silent_until:
            return False
        self._silent_until = now + self._settled_seconds
        logger.warning(
            "%s is being written, and its last row is not whole: waiting for the rest",
            self._told_name,
        )
        return True
