"""JSON objects: one a line, spread over lines, one behind another, or one around a list."""

from collections.abc import Iterator, Mapping
from itertools import chain

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.json_beginnings import Begun, top_members
from publisher_app.formats.json_lines import json_lines
from publisher_app.formats.json_window import Window
from publisher_app.formats.records import Record
from publisher_app.formats.text import Source, lines

_EVENTS = "events"
_WRITE_ONE = "write the one of the events alone"


def json_objects(source: Source, begun: Begun, columns: Columns) -> Iterator[Record]:
    """Take objects apart; how the first of them is written says how all are.

    Raises:
        UnreadableInput: an object holds several lists, or what is spread over lines is not JSON
            from some line on.

    """
    read, end = begun
    text = "".join(read)
    members = top_members(text)
    window = Window(chain([text], source.chunks()), source.line)
    if wrapped := _wrapped(members, columns):
        return _in_a_list(window, wrapped)
    if _is_open(source) or _goes_on(text, end):
        return _one_behind_another(window)
    return json_lines(chain(read[:-1], lines(read[-1], source.rest)), source.line)


def _is_open(source: Source) -> bool:
    """Say whether the first line only opens an object, as nobody does who writes JSON Lines."""
    return source.first.strip() == "{"


def _goes_on(text: str, end: int) -> bool:
    """Say whether the first object is spread over lines, or another one is in its last line."""
    return bool(end) and ("\n" in text[:end] or text[end:].lstrip(" \t").startswith("{"))


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
