"""Text: how the bytes of an input are read, and parted into lines."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from publisher_app.failures import UnreadableInput
from publisher_app.formats.records import MAX_CHARACTERS

_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def reading() -> Iterator[None]:
    """Turn what reading bytes raises into ``UnreadableInput``."""
    try:
        yield
    except OSError as error:
        raise UnreadableInput(f"{error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise UnreadableInput(f"the gzip data is broken: {error}") from error


def decode(raw: BinaryIO) -> IO[str]:
    """Read bytes as text: UTF-8 with or without a byte order mark, gzipped or not.

    Bytes that are not UTF-8 become lone surrogates, so that only the records with them are
    refused.

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


def lines(line: str, text: IO[str]) -> Iterator[str]:
    """Yield this line and all that follow; of a line that is too long only its beginning."""
    while line:
        yield line
        while len(line) >= MAX_CHARACTERS and not line.endswith("\n"):
            line = text.readline(MAX_CHARACTERS)
        line = text.readline(MAX_CHARACTERS)
