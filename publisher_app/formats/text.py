"""Text: how the bytes of an input are read, and parted into lines."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from publisher_app.failures import UnreadableInput
from publisher_app.formats.foreign import begins_as_hl7, foreign_bytes
from publisher_app.formats.records import MAX_CHARACTERS
from runtime import gzip_data

BYTE_ORDER_MARK = "\ufeff"

_LOOK = 64 * 1024
_LOOK_FOR_HL7 = 64
_CHUNK = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


class OtherEncoding(UnreadableInput):
    """A text is in another encoding than UTF-8: in this one, or in one such as this one."""

    def __init__(self, told: str, encoding: str) -> None:
        super().__init__(f"it is {told}: save it as UTF-8")
        self.encoding = encoding


@contextmanager
def reading() -> Iterator[None]:
    """Turn what reading bytes raises into ``UnreadableInput``."""
    try:
        yield
    except OSError as error:
        raise UnreadableInput(f"{error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise UnreadableInput(f"the gzip data is broken: {error}") from error
    except UnicodeError as error:
        told = "it is not in the encoding that --encoding (PUBLISHER_ENCODING) names"
        raise UnreadableInput(told) from error


def read_encoding(value: object) -> object:
    """Read the name of a text encoding.

    Raises:
        ValueError: there is no such encoding.

    """
    if isinstance(value, str):
        try:
            "".encode(value)
        except (LookupError, ValueError):
            raise ValueError("is no known encoding: write it like windows-1252") from None
    return value


def decode(raw: BinaryIO, encoding: str | None = None) -> IO[str]:
    """Read bytes as text, gzipped or not: UTF-8, or what ``encoding`` names.

    Raises:
        UnreadableInput: it is no such text.
        OSError, EOFError, zlib.error: the gzip data is broken.

    """
    stream: io.BufferedReader | gzip.GzipFile = buffered(raw)
    if stream.peek(2)[:2] == gzip_data.MAGIC:
        stream = gzip.GzipFile(fileobj=stream)
    try:
        return as_text(stream, encoding)
    except OtherEncoding as error:
        name_it = f"or name it with --encoding {error.encoding} (PUBLISHER_ENCODING)"
        raise UnreadableInput(f"{error}, {name_it}") from None


def buffered(raw: BinaryIO) -> io.BufferedReader:
    """Buffer bytes, as many of them as are looked at to tell what they are."""
    return io.BufferedReader(cast("io.RawIOBase", raw), _LOOK)


def as_text(stream: io.BufferedReader | gzip.GzipFile, encoding: str | None = None) -> IO[str]:
    """Read unpacked bytes as text; what its beginning shows to be none is refused.

    Single bytes further down that are not in the encoding become lone surrogates, so that only the
    records with them are refused.

    Raises:
        UnreadableInput: it is no text.
        OtherEncoding: it is in another encoding, and none is named.

    """
    beginning = stream.peek(_LOOK)[:_LOOK]
    if told := foreign_bytes(beginning):
        raise UnreadableInput(f"it is {told}")
    _check_encoding(beginning, encoding)
    return io.TextIOWrapper(
        cast("IO[bytes]", stream),
        encoding=encoding or "utf-8",
        errors="surrogateescape",
        newline="",
    )


def _check_encoding(beginning: bytes, encoding: str | None) -> None:
    marked = next((name for mark, name in _MARKS if beginning.startswith(mark)), None)
    if encoding:
        if marked and not codecs.lookup(encoding).name.startswith(marked):
            told = f"it is {marked.upper()}, as its byte order mark says, and not {encoding}"
            raise UnreadableInput(told)
        return
    if begins_as_hl7(beginning[:_LOOK_FOR_HL7].decode("latin-1")):
        return  # each message says it itself
    found = marked or ("utf-16" if _is_utf_16(beginning) else "utf-8")
    if found != "utf-8":
        raise OtherEncoding(found.upper(), found)
    if not _is_utf_8(beginning):
        raise OtherEncoding("not UTF-8", "windows-1252")


def _is_utf_16(beginning: bytes) -> bool:
    """Say whether every other byte of a text's very beginning is zero."""
    sample = beginning[:64]
    return b"\x00" in sample and (not any(sample[::2]) or not any(sample[1::2]))


def _is_utf_8(beginning: bytes) -> bool:
    """Say whether a text may be UTF-8: where some letters are, bytes that are not are mere faults.

    Without any such letter its encoding is another one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")
    try:
        decoder().decode(beginning)
    except UnicodeDecodeError:
        return not decoder("ignore").decode(beginning).isascii()
    return True


@dataclass(frozen=True)
class Source:
    """A text whose beginning is read, up to its first line that is not blank."""

    first: str
    line: int
    """The number of the first line, from 1."""
    rest: IO[str]

    def lines(self) -> Iterator[str]:
        """Yield the lines; of one that is too long only its beginning."""
        return lines(self.first, self.rest)

    def chunks(self) -> Iterator[str]:
        """Yield the text that follows the first line, in parts of any length."""
        return iter(lambda: self.rest.read(_CHUNK), "")


def lines(line: str, text: IO[str]) -> Iterator[str]:
    """Yield this line and all that follow; of a line that is too long only its beginning."""
    while line:
        yield line
        while len(line) >= MAX_CHARACTERS and not line.endswith("\n"):
            line = text.readline(MAX_CHARACTERS)
        line = text.readline(MAX_CHARACTERS)
