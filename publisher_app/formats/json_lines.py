"""JSON Lines: a record a line."""

import json
from collections.abc import Iterator
from typing import IO

import msgspec

from publisher_app.formats.records import (
    MAX_CHARACTERS,
    TOO_DEEP,
    TOO_LONG,
    Record,
    may_be_deep,
)
from publisher_app.formats.text import lines


def json_lines(first: str, text: IO[str]) -> Iterator[Record]:
    """Take JSON Lines apart, of which the first line is read already."""
    for number, line in enumerate(lines(first, text), start=1):
        if len(line) >= MAX_CHARACTERS:
            yield Record(number, None, TOO_LONG)
        elif content := line.strip():
            yield _record(number, content)


def _record(number: int, line: str) -> Record:
    if may_be_deep(line):
        return Record(number, line, TOO_DEEP)
    try:
        return Record(number, msgspec.json.decode(line))
    except (msgspec.DecodeError, UnicodeError):
        return _other_record(number, line)


def _other_record(number: int, line: str) -> Record:
    """Read with the standard library, which is slower, takes more, and tells what is wrong."""
    try:
        return Record(number, json.loads(line))
    except json.JSONDecodeError as error:
        return Record(number, line, f"is not JSON: {error.msg} at column {error.colno}")
    except (RecursionError, ValueError):
        return Record(number, line, "is JSON that is nested too deeply or holds too long a number")
