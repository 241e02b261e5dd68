"""JSON Lines: a record a line."""

import json
from collections.abc import Iterable, Iterator

import msgspec

from publisher_app.formats.json_window import raw_decode
from publisher_app.formats.records import (
    MAX_CHARACTERS,
    TOO_DEEP,
    TOO_LONG,
    Record,
    may_be_deep,
)


def json_lines(lines: Iterable[str], first_line: int) -> Iterator[Record]:
    """Take JSON Lines apart; ``first_line`` is the number of the first of them."""
    for number, line in enumerate(lines, start=first_line):
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
        value, end = raw_decode(line)
    except json.JSONDecodeError as error:
        return Record(number, line, f"is not JSON: {error.msg} at column {error.colno}")
    except (RecursionError, ValueError):
        return Record(number, line, "is JSON that is nested too deeply or holds too long a number")
    if end < len(line):
        return Record(number, line, f"is not JSON alone: more follows at column {end + 1}")
    return Record(number, value)
