"""JSON arrays: element by element, however long the array is."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO

from publisher_app.failures import UnreadableInput
from publisher_app.formats.records import MAX_CHARACTERS, TOO_DEEP, Record, may_be_deep

_BLANK = re.compile(r"[ \t\r\n]*")
_END = re.compile(r"[ \t\r\n]*[,\]]")
_CHUNK = 64 * 1024


def json_array(first: str, text: IO[str]) -> Iterator[Record]:
    """Yield the elements one by one, of an array of which the first line is read already.

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

    def element(self) -> Record:
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
                return Record(line, text, TOO_DEEP) if may_be_deep(text) else Record(line, value)

    def _advance(self, position: int) -> None:
        self.line += self._text.count("\n", self._position, position)
        self._position = position

    def _may_grow(self) -> bool:
        """Take more text in, unless the element is too long already."""
        return len(self._text) - self._position < MAX_CHARACTERS and self._more()

    def _more(self) -> bool:
        chunk = next(self._chunks, "")
        self._text = self._text[self._position :] + chunk
        self._position = 0
        return bool(chunk)
