"""Recognition: an input's content says in which format it is, and so how it is read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from contracts import Report
from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.delimited import delimited
from publisher_app.formats.foreign import foreign_text
from publisher_app.formats.json_arrays import json_array
from publisher_app.formats.json_objects import json_objects
from publisher_app.formats.mapping import FieldMapping
from publisher_app.formats.records import MAX_CHARACTERS, Record
from publisher_app.formats.text import BYTE_ORDER_MARK, Source, lines, reading

Notes = Counter[str]
"""What is worth telling of an input beside its rejects, in words without its content, counted."""


class Recognised(NamedTuple):
    """An input in a format that is known: its records, and what each of them reports.

    ``reports_of`` may yield reports and then raise ``NoEvent``: the rest of the record is none.
    """

    records: Iterator[Record]
    reports_of: Callable[[Record, Notes], Iterable[Report]]


_JSON: dict[str, Callable[[Source, Columns], Iterator[Record]]] = {
    "[": json_array,
    "{": json_objects,
}


class Reading(Protocol):
    """What the settings say of how inputs are read: see ``publisher_app.settings``."""

    map: dict[str, str]
    timezone: ZoneInfo | None
    time_format: list[str]


class Formats:
    """The formats that are read, as the settings have it."""

    def __init__(self, settings: Reading) -> None:
        self.columns = Columns(settings.map)
        self._mapping = FieldMapping(self.columns, settings.timezone, settings.time_format)

    def recognise(self, text: IO[str], *, skip_lines: int = 0, live: bool = False) -> Recognised:
        """Find out in which format an input is; of a ``live`` one the next record may be far away.

        Raises:
            UnreadableInput: it is none that is read. The records raise it, too.

        """
        records = records_of(text, self.columns, skip_lines=skip_lines)
        return Recognised(self.columns.checked(records, live=live), self._mapping.reports_of)

    def of_events(self, records: Iterator[Record]) -> Recognised:
        """Read records with the fields of events, such as JSON that was taken apart already."""
        return Recognised(records, self._mapping.reports_of)


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
