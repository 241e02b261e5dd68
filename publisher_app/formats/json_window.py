"""JSON that is read through a window, as it may be far longer than what may be held."""

import json
import re
from collections.abc import Iterator
from math import isfinite

from publisher_app.failures import UnreadableInput
from publisher_app.formats.records import MAX_CHARACTERS, TOO_DEEP, TOO_LONG, Record, may_be_deep

_BLANK = re.compile(r"[ \t\r\n]*")
_END = re.compile(r"[ \t\r\n]*[,\]}]")


def _number(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


# NaN and Infinity, which JSON does not know, are written for what is absent.
raw_decode = json.JSONDecoder(parse_float=_number, parse_constant=lambda _: None).raw_decode
"""Decode the value that begins at a place of a text; give it and where it ends."""


class Window:
    """The part of a JSON text that is being read.

    The standard decoder is fed with it, as streaming JSON parsers tell no line numbers and can't
    show a broken element as it was.
    """

    def __init__(self, chunks: Iterator[str], line: int) -> None:
        """``line`` is the number of the text's first line."""
        self._chunks = chunks
        self._text = ""
        self._position = 0
        self.line = line

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
            raise UnreadableInput(f"line {self.line}: expected {character!r} in the JSON")
        self._advance(self._position + 1)

    def elements(self) -> Iterator[Record]:
        """Read a list element by element."""
        self.skip("[")
        if self.next_character() == "]":
            self.skip("]")
            return
        while True:
            yield self.element()
            if self.next_character() != ",":
                self.skip("]")
                return
            self.skip(",")

    def element(self) -> Record:
        """Read the next value, which begins in the row's line."""
        self.next_character()
        line = self.line
        while True:
            try:
                value, end = raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                broken = line + self._text.count("\n", self._position, error.pos)
                if self._may_grow():
                    continue
                if self._is_too_long():
                    raise UnreadableInput(f"line {line}: {TOO_LONG}") from None
                raise UnreadableInput(f"line {broken}: is not JSON: {error.msg}") from None
            except (RecursionError, ValueError):
                raise UnreadableInput(f"line {line}: JSON nested too deeply") from None
            # A number may go on behind the edge of the window: what ends it must be in sight.
            if self._text[end - 1] in '}]"' or _END.match(self._text, end) or not self._may_grow():
                text = self._text[self._position : end]
                self._advance(end)
                return Record(line, text, TOO_DEEP) if may_be_deep(text) else Record(line, value)

    def _advance(self, position: int) -> None:
        self.line += self._text.count("\n", self._position, position)
        self._position = position

    def _is_too_long(self) -> bool:
        return len(self._text) - self._position >= MAX_CHARACTERS

    def _may_grow(self) -> bool:
        """Take more text in, unless the element is too long already."""
        return not self._is_too_long() and self._more()

    def _more(self) -> bool:
        chunk = next(self._chunks, "")
        self._text = self._text[self._position :] + chunk
        self._position = 0
        return bool(chunk)
