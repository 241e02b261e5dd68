"""Files: opened by content, not by name, and never held in memory."""

import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from publisher_app.formats.rows import UnreadableInput, reading

STANDARD_INPUT = "-"

_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class OpenInput:
    """An input and how far it is read, in bytes of the file as it lies there."""

    name: str
    text: IO[str]
    _raw: BinaryIO
    size: int | None

    @property
    def position(self) -> int:
        """Bytes read so far; 0 where the input can't tell."""
        return self._raw.tell() if self.size is not None else 0


@contextmanager
def open_input(name: str) -> Iterator[OpenInput]:
    """Open a file, or standard input for ``-``, as text; gzip is undone.

    Bytes that are not UTF-8 become lone surrogates, so that only the rows with them are refused.

    Raises:
        UnreadableInput: there is no such file, or it can't be read.

    """
    with ExitStack() as stack:
        with reading():
            raw = stack.enter_context(_raw(name))
            size = raw.seek(0, io.SEEK_END) if raw.seekable() else None
            if size is not None:
                raw.seek(0)
            text = stack.enter_context(decode(raw))
        yield OpenInput(name, text, raw, size)


def decode(raw: BinaryIO) -> IO[str]:
    """Read bytes as text: UTF-8 with or without a byte order mark, gzipped or not.

    Raises:
        UnreadableInput: it is UTF-16.
        OSError, EOFError, zlib.error: the gzip data is broken.

    """
    stream: io.BufferedReader | gzip.GzipFile = io.BufferedReader(cast("io.RawIOBase", raw))
    if stream.peek(2)[:2] == _GZIP:
        stream = gzip.GzipFile(fileobj=stream)
    if stream.peek(2)[:2] in _UTF_16:
        raise UnreadableInput("it is UTF-16: save it as UTF-8")
    return io.TextIOWrapper(
        cast("IO[bytes]", stream), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )


def _raw(name: str) -> BinaryIO:
    if name == STANDARD_INPUT:
        return cast("BinaryIO", open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
    return cast("BinaryIO", Path(name).open("rb", buffering=0))
