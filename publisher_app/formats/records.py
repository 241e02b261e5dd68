"""Records: what an input consists of, whatever each holds."""

from typing import NamedTuple

MAX_CHARACTERS = 1024 * 1024
"""Characters in one record at most; it bounds the memory that a broken file can take."""

_MAX_BRACKETS = 500
TOO_DEEP = f"holds more than {_MAX_BRACKETS} lists and objects: it is no event"
TOO_LONG = f"is longer than {MAX_CHARACTERS} characters"


class Record(NamedTuple):
    """One record as it was, or why it can't be taken apart.

    ``place`` is the line where it begins, from 1, or its index in a request, from 0.
    """

    place: int
    content: object
    problem: str | None = None
    context: object = None
    """What its format has to know of it, besides."""


def may_be_deep(text: str) -> bool:
    """Say whether a record could be nested deeper than it could be written to the rejects."""
    return len(text) > _MAX_BRACKETS and text.count("[") + text.count("{") > _MAX_BRACKETS
