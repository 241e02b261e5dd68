"""Beginnings: so much of JSON is read as shows what it is."""

import re
from collections.abc import Mapping, Sequence
from json import JSONDecodeError
from typing import NamedTuple

from publisher_app.formats.json_window import raw_decode
from publisher_app.formats.records import MAX_CHARACTERS
from publisher_app.formats.text import Source

_RESOURCE = re.compile(r'"resourceType"\s*:\s*"[A-Z]')


_NAME = re.compile(r'[\s{,]*"((?:[^"\\]|\\.)*)"\s*:\s*')
_BEGINS_LIST = re.compile(r"\[\s*(\S)")
_MOST_LINES = 1_000


class Begun(NamedTuple):
    """The lines that were read of a text."""

    read: Sequence[str]
    end: int = 0
    """Where in them the first object ends; 0 where it is not whole, or there is none."""

    @property
    def is_fhir(self) -> bool:
        """Whether it begins with a resource of FHIR."""
        text = "".join(self.read)
        if self.end:
            return "resourceType" in top_members(text)
        return bool(_RESOURCE.search(text))


def begin_object(source: Source) -> Begun:
    """Read lines until the first object is whole, broken or too long."""
    read, size = [source.first], len(source.first)
    while True:
        text = "".join(read)
        try:
            return Begun(read, raw_decode(text, text.index("{"))[1])
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
            return Begun(read)


def begin_array(source: Source) -> Begun:
    """Read lines until the first element has ended, or has shown that it is a resource."""
    read = [source.first]
    while not ("}" in read[-1] or _RESOURCE.search(read[-1])) and len(read) < _MOST_LINES:
        line = source.rest.readline(MAX_CHARACTERS)
        if not line:
            break
        read.append(line)
    return Begun(read)


def top_members(text: str) -> Mapping[str, str]:
    """Give the names in an object that begins a text; to each the first character in its list."""
    found: dict[str, str] = {}
    position = 0
    while name := _NAME.match(text, position):
        begin = _BEGINS_LIST.match(text, name.end())
        found[name[1]] = begin[1] if begin else ""
        try:
            position = raw_decode(text, name.end())[1]
        except (ValueError, RecursionError):
            break
    return found
