"""Recognition: an input's content says in which format it is."""

from collections.abc import Callable, Iterator
from typing import IO

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.delimited import delimited
from publisher_app.formats.foreign import foreign_text
from publisher_app.formats.json_arrays import json_array
from publisher_app.formats.json_objects import json_objects
from publisher_app.formats.records import MAX_CHARACTERS, Record
from publisher_app.formats.text import BYTE_ORDER_MARK, Source, lines, reading

_JSON: dict[str, Callable[[Source, Columns], Iterator[Record]]] = {
    "[": json_array,
    "{": json_objects,
}


def records_of(text: IO[str], columns: Columns, *, skip_lines: int = 0) -> Iterator[Record]:
    """Take an input apart; its first character that is no space says in which format it is.

    ``skip_lines`` are passed over before.

    Raises:
        UnreadableInput: it is none that is read, the rest can't be read, or not be taken apart.

    """
    with reading():
        if source := _source(text, skip_lines):
            yield from _JSON.get(source.first.lstrip()[0], delimited)(source, columns)


def json_records_of(text: IO[str], columns: Columns) -> Iterator[Record]:
    """Take JSON apart, as ``records_of`` does."""
    with reading():
        if source := _source(text):
            reader = _JSON.get(source.first.lstrip()[0])
            if reader is None:
                raise UnreadableInput("is not JSON")
            yield from reader(source, columns)


def _source(text: IO[str], skip_lines: int = 0) -> Source | None:
    beginning = text.readline(MAX_CHARACTERS).lstrip(BYTE_ORDER_MARK)
    for number, line in enumerate(lines(beginning, text), start=1):
        if number > skip_lines and line.strip():
            if told := foreign_text(line):
                raise UnreadableInput(f"it is {told}")
            return Source(line, number, text)
    return None
