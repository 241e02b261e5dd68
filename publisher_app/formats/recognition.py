"""Recognition: an input's content says in which format it is."""

from collections.abc import Callable, Iterator
from typing import IO

from publisher_app.formats.delimited import delimited
from publisher_app.formats.json_arrays import json_array
from publisher_app.formats.json_lines import json_lines
from publisher_app.formats.records import MAX_CHARACTERS, Record
from publisher_app.formats.text import reading

_FORMATS: dict[str, Callable[[str, IO[str]], Iterator[Record]]] = {
    "[": json_array,
    "{": json_lines,
}


def records_of(text: IO[str]) -> Iterator[Record]:
    """Take an input apart; its first character that is no space says in which format it is.

    Raises:
        UnreadableInput: the rest can't be read, or not be taken apart.

    """
    with reading():
        skipped = 0
        while (first := text.readline(MAX_CHARACTERS)) and not first.strip():
            skipped += 1
        if first:
            records = _FORMATS.get(first.lstrip()[0], delimited)(first, text)
            yield from _further_down(records, skipped) if skipped else records


def _further_down(records: Iterator[Record], lines: int) -> Iterator[Record]:
    return (record._replace(place=record.place + lines) for record in records)
