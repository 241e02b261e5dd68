"""JSON objects: one a line, spread over lines, one behind another, or one around a list."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from json import JSONDecodeError

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.foreign import FHIR
from publisher_app.formats.json_lines import json_lines
from publisher_app.formats.json_window import Window, raw_decode
from publisher_app.formats.records import MAX_CHARACTERS, Record
from publisher_app.formats.text import Source, lines

_NAME = re.compile(r'[\s{,]*"((?:[^"\\]|\\.)*)"\s*:\s*')
_LIST = re.compile(r"\[\s*(\S)")
_WRITE_ONE = "write the one of the events alone"


def json_objects(source: Source, columns: Columns) -> Iterator[Record]:
    """Take objects apart; how the first of them is written says how all are.

    Raises:
        UnreadableInput: it is FHIR, or an object holds several lists, or what is spread over
            lines is not JSON from some line on.

    """
    read, end = _first_object(source)
    text = "".join(read)
    members = _members(text)
    if "resourceType" in members:
        raise UnreadableInput(f"it is {FHIR}")
    window = Window(chain([text], source.chunks()), source.line)
    if wrapped := _wrapped(members, columns):
        return _in_a_list(window, wrapped)
    if _is_open(source) or _goes_on(text, end):
        return _one_behind_another(window)
    return json_lines(chain(read[:-1], lines(read[-1], source.rest)), source.line)


def _first_object(source: Source) -> tuple[Sequence[str], int]:
    """Read lines until the first object is whole, broken or too long; give them and its length.

    The length is 0 where it is not whole.
    """
    read, size = [source.first], len(source.first)
    while True:
        text = "".join(read)
        try:
            return read, raw_decode(text, text.index("{"))[1]
        except JSONDecodeError as error:
            is_cut = error.pos >= len(text.rstrip())
        except (RecursionError, ValueError):
            is_cut = False
        before = size
        # As much again each time: it takes no more than twice as long as to read it at once.
        while is_cut and size < min(2 * before, MAX_CHARACTERS):
            line = source.rest.readline(MAX_CHARACTERS)
            if not line:
                break
            read.append(line)
            size += len(line)
        if size == before:
            return read, 0


def _is_open(source: Source) -> bool:
    """Say whether the first line only opens an object, as nobody does who writes JSON Lines."""
    return source.first.strip() == "{"


def _goes_on(text: str, end: int) -> bool:
    """Say whether the first object is spread over lines, or another one is in its last line."""
    return bool(end) and ("\n" in text[:end] or text[end:].lstrip(" \t").startswith("{"))


def _members(text: str) -> Mapping[str, str]:
    """Give the names in an object that begins a text; to each the first character in its list."""
    found: dict[str, str] = {}
    position = 0
    while name := _NAME.match(text, position):
        begin = _LIST.match(text, name.end())
        found[name[1]] = begin[1] if begin else ""
        try:
            position = raw_decode(text, name.end())[1]
        except (ValueError, RecursionError):
            break
    return found


def _wrapped(members: Mapping[str, str], columns: Columns) -> str | None:
    """Name the list in an object that is no event itself; where several hold objects, refuse it."""
    if columns.knows_any_of(members):
        return None
    full = [name for name, first in members.items() if first == "{"]
    if len(full) > 1:
        raise UnreadableInput(f"it holds several lists, {' and '.join(full)}: {_WRITE_ONE}")
    empty = [name for name, first in members.items() if first == "]"]
    return next(iter(full + empty), None)


def _in_a_list(window: Window, name: str) -> Iterator[Record]:
    """Yield the elements of the list with this name, of each object."""
    while window.next_character():
        window.skip("{")
        while window.next_character() != "}":
            line, found, _ = window.element()
            window.skip(":")
            if found == name and window.next_character() == "[":
                yield from window.elements()
            elif _holds_objects(window.element().content):
                raise UnreadableInput(f"line {line}: holds another list, {found}: {_WRITE_ONE}")
            if window.next_character() != "}":
                window.skip(",")
        window.skip("}")


def _holds_objects(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _one_behind_another(window: Window) -> Iterator[Record]:
    while window.next_character():
        yield window.element()
