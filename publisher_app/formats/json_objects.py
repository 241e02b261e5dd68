"""JSON objects: one a line, spread over lines, one behind another, or one around a list."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from json import JSONDecodeError

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.foreign import FHIR, is_fhir
from publisher_app.formats.json_lines import json_lines
from publisher_app.formats.json_window import Window, raw_decode
from publisher_app.formats.records import MAX_CHARACTERS, Record
from publisher_app.formats.text import Source, lines

_NAME = re.compile(r'[\s{,]*"((?:[^"\\]|\\.)*)"\s*:\s*')
_LIST = re.compile(r"\[\s*(\S)")
_EVENTS = "events"
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
    if is_fhir(members):
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
    """Name the list in an object that is around events, and no event itself.

    An empty list is one of events only by its name, as any record may hold one.
    """
    lists = [name for name, first in members.items() if first in ("{", "]")]
    full = [name for name in lists if members[name] == "{"]
    if columns.knows_any_of(members) or not (full or _EVENTS in lists):
        return None
    if full and full != [_EVENTS] and len(lists) > 1:
        raise UnreadableInput(f"it holds several lists, {' and '.join(lists)}: {_WRITE_ONE}")
    return full[0] if full else _EVENTS


def _in_a_list(window: Window, name: str) -> Iterator[Record]:
    """Yield the elements of the list with this name, which each object must have."""
    while window.next_character():
        line = window.line
        window.skip("{")
        is_there = False
        while window.next_character() != "}":
            found = window.element().content
            window.skip(":")
            if found == name and window.next_character() == "[":
                is_there = True
                yield from window.elements()
            else:
                _pass_over(window, found, name)
            if window.next_character() != "}":
                window.skip(",")
        window.skip("}")
        if not is_there:
            raise UnreadableInput(f"line {line}: holds no list {name}")


def _pass_over(window: Window, found: object, name: str) -> None:
    """Pass over what is beside the list, if it can't be another one of events."""
    is_list = window.next_character() == "["
    value = window.element()
    if is_list and (value.problem or _may_be_events(value.content, name)):
        raise UnreadableInput(f"line {value.place}: holds another list, {found}: {_WRITE_ONE}")


def _may_be_events(values: object, name: str) -> bool:
    if not values:
        return name != _EVENTS
    return isinstance(values, list) and any(isinstance(value, dict) for value in values)


def _one_behind_another(window: Window) -> Iterator[Record]:
    while window.next_character():
        yield window.element()
