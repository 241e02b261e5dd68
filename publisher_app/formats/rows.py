"""Rows: how JSON arrays, JSON Lines and CSV are taken apart, whatever a row holds."""

import csv
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, NamedTuple

import msgspec

MAX_ROW = 1024 * 1024
"""Characters in one row at most; it bounds the memory that a broken file can take."""

_BLANK = re.compile(r"[ \t\r\n]*")
_END = re.compile(r"[ \t\r\n]*[,\]]")
_MAX_BRACKETS = 500
_TOO_DEEP = f"holds more than {_MAX_BRACKETS} lists and objects: it is no event"
_TOO_LONG = f"is longer than {MAX_ROW} characters"
_DELIMITERS = ",;\t"
_CHUNK = 64 * 1024


class UnreadableInput(Exception):
    """The input can't be read, or not any further."""


class Row(NamedTuple):
    """One row as it was, from the line where it begins; or why it can't be taken apart."""

    line: int
    content: object
    problem: str | None = None


@contextmanager
def reading() -> Iterator[None]:
    """Turn what reading a file raises into ``UnreadableInput``."""
    try:
        yield
    except OSError as error:
        raise UnreadableInput(f"{error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise UnreadableInput(f"the gzip data is broken: {error}") from error


def rows_of(text: IO[str]) -> Iterator[Row]:
    """Take an input apart; its first character that is no space says in which format it is.

    Raises:
        UnreadableInput: the rest can't be read, or not be taken apart.

    """
    with reading():
        skipped = 0
        while (first := text.readline(MAX_ROW)) and not first.strip():
            skipped += 1
        if first:
            take_apart = _FORMATS.get(first.lstrip()[0], _csv_rows)
            rows = take_apart(first, text)
            yield from (row._replace(line=row.line + skipped) for row in rows) if skipped else rows


def _json_lines(first: str, text: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(_lines(first, text), start=1):
        if len(line) >= MAX_ROW:
            yield Row(number, None, _TOO_LONG)
        elif content := line.strip():
            yield _json_row(number, content)


def _json_row(number: int, line: str) -> Row:
    if _may_be_deep(line):
        return Row(number, line, _TOO_DEEP)
    try:
        return Row(number, msgspec.json.decode(line))
    except (msgspec.DecodeError, UnicodeError):
        return _other_json_row(number, line)


def _other_json_row(number: int, line: str) -> Row:
    """Read with the standard library, which is slower, takes more, and tells what is wrong."""
    try:
        return Row(number, json.loads(line))
    except json.JSONDecodeError as error:
        return Row(number, line, f"is not JSON: {error.msg} at column {error.colno}")
    except (RecursionError, ValueError):
        return Row(number, line, "is JSON that is nested too deeply or holds too long a number")


def _may_be_deep(text: str) -> bool:
    """Say whether a row could be nested deeper than it could be written to the rejects."""
    return text.count("[") + text.count("{") > _MAX_BRACKETS


def _lines(line: str, text: IO[str]) -> Iterator[str]:
    """Yield this line and all that follow; of a line that is too long only its beginning."""
    while line:
        yield line
        while len(line) >= MAX_ROW and not line.endswith("\n"):
            line = text.readline(MAX_ROW)
        line = text.readline(MAX_ROW)


def _csv_rows(first: str, text: IO[str]) -> Iterator[Row]:
    delimiter = max(_DELIMITERS, key=first.count)
    seen: list[str] = []
    # Strict, as a quote that is not closed would otherwise swallow rows in silence.
    reader = csv.reader(_remembered(_lines(first, text), seen), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        seen.clear()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, "".join(seen), f"is not CSV: {error}")
            continue
        # Spreadsheets write a row without any content as delimiters alone.
        if not any(map(str.strip, values)):
            continue
        if header:
            yield _csv_row(line, header, values, seen)
        else:
            header = [name.strip() for name in values]


def _csv_row(line: int, header: list[str], values: list[str], seen: list[str]) -> Row:
    if len(seen[-1]) >= MAX_ROW:
        return Row(line, "".join(seen), _TOO_LONG)
    if len(values) != len(header):
        problem = f"has {len(values)} values where the header names {len(header)}"
        return Row(line, "".join(seen), problem)
    return Row(line, dict(zip(header, values, strict=True)))


def _remembered(lines: Iterable[str], seen: list[str]) -> Iterator[str]:
    for line in lines:
        seen.append(line)
        yield line


def _json_array(first: str, text: IO[str]) -> Iterator[Row]:
    """Yield the elements one by one.

    The standard decoder is fed a window of the text, as streaming JSON parsers tell no line
    numbers and can't show a broken element as it was.
    """
    window = _Window(chain([first], iter(lambda: text.read(_CHUNK), "")))
    window.skip("[")
    if window.next_character() == "]":
        window.skip("]")
    else:
        while True:
            yield window.element()
            if window.next_character() != ",":
                window.skip("]")
                break
            window.skip(",")
    if window.next_character():
        raise UnreadableInput(f"line {window.line}: there is more behind the end of the array")


class _Window:
    """The part of a JSON text that is being read."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._text = ""
        self._position = 0
        self._decode = json.JSONDecoder().raw_decode
        self.line = 1

    def next_character(self) -> str:
        """Move to the next character that is no space and return it; "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._position)
            self._advance(blank.end() if blank else self._position)
            if self._position < len(self._text):
                return self._text[self._position]
            if not self._more():
                return ""

    def skip(self, character: str) -> None:
        """Move behind a character that must come next."""
        if self.next_character() != character:
            raise UnreadableInput(f"line {self.line}: expected {character!r} in the JSON array")
        self._advance(self._position + 1)

    def element(self) -> Row:
        """Read the next element, which begins in the row's line."""
        self.next_character()
        line = self.line
        while True:
            try:
                value, end = self._decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if self._may_grow():
                    continue
                line += self._text.count("\n", self._position, error.pos)
                raise UnreadableInput(f"line {line}: is not JSON: {error.msg}") from None
            except (RecursionError, ValueError):
                raise UnreadableInput(f"line {line}: JSON nested too deeply") from None
            # A number may go on behind the edge of the window: what ends it must be in sight.
            if _END.match(self._text, end) or not self._may_grow():
                text = self._text[self._position : end]
                self._advance(end)
                return Row(line, text, _TOO_DEEP) if _may_be_deep(text) else Row(line, value)

    def _advance(self, position: int) -> None:
        self.line += self._text.count("\n", self._position, position)
        self._position = position

    def _may_grow(self) -> bool:
        """Take more text in, unless the element is too long already."""
        return len(self._text) - self._position < MAX_ROW and self._more()

    def _more(self) -> bool:
        chunk = next(self._chunks, "")
        self._text = self._text[self._position :] + chunk
        self._position = 0
        return bool(chunk)


_FORMATS: dict[str, Callable[[str, IO[str]], Iterator[Row]]] = {
    "[": _json_array,
    "{": _json_lines,
}
