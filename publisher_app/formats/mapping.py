"""Mapping: the fields of an event found in a record, by the names of its columns."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import asdict
from pydantic import ValidationError

from contracts import Action, MedicationEvent, explain_event, read_plain_event, reasons
from publisher_app.formats.columns import Columns, SeveralColumns
from publisher_app.formats.records import Record
from publisher_app.formats.times import read_time

_NO_TEXT = re.compile(r"[\udc80-\udcff]")
_GOOD = asdict(MedicationEvent("1", "1", Action.START, datetime(2021, 1, 1, tzinfo=UTC), "1", "1"))
"""What stands for a field that is known to be wrong while the others are judged."""

# Both bound what is kept for the next input, whoever posts what.
_MAX_SHAPES = 1_000
_MAX_NAMES_OF_A_SHAPE = 100


class NoEvent(ValueError):
    """A record is no event; the text says all that is wrong with it, and repeats nothing of it."""


class _Shape(NamedTuple):
    """What records with the same names have in common."""

    names: list[str]
    columns: Mapping[str, str]
    """The column of each field that has one."""
    own_names: bool
    """Whether each of these columns is named as its field."""


class FieldMapping:
    """Finds the fields of events in records."""

    def __init__(
        self, columns: Columns, zone: ZoneInfo | None = None, time_formats: Sequence[str] = ()
    ) -> None:
        self._columns = columns
        self._read_time = partial(read_time, zone=zone, formats=time_formats)
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._last = _Shape([], {}, own_names=False)

    def event_of(self, record: Record) -> MedicationEvent:
        """Read a record as an event.

        Raises:
            NoEvent: it is none.

        """
        content = record.content
        if record.problem is not None:
            raise NoEvent(record.problem)
        if not isinstance(content, dict):
            raise NoEvent("is not an object with the fields of an event")
        names, columns, own_names = self._last  # as most records are as the one before
        if [*content] != names:
            names, columns, own_names = self._last = self._shape_of(content)
        event = read_plain_event(content) if own_names else None
        return event or self._mended(_fields(content, columns))

    def _shape_of(self, content: Mapping[str, object]) -> _Shape:
        names = tuple(content)
        if shape := self._shapes.get(names):
            return shape
        try:
            columns = self._columns.find(names)
        except SeveralColumns as error:
            raise NoEvent(str(error)) from None
        own_names = all(field == column for field, column in columns.items())
        shape = _Shape([*names], columns, own_names)
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        if len(names) <= _MAX_NAMES_OF_A_SHAPE:
            self._shapes[names] = shape
        return shape

    def _mended(self, fields: dict[str, Any]) -> MedicationEvent:
        if event := read_plain_event(fields):
            return event
        is_ascii = all(isinstance(value, str) and value.isascii() for value in fields.values())
        problems = {} if is_ascii else _wrong_bytes(fields)
        if "event_time" in fields and "event_time" not in problems:
            try:
                fields["event_time"] = time = self._read_time(fields["event_time"])
            except ValueError as error:
                problems["event_time"] = str(error)
            else:
                if is_ascii and (event := _plain_in_utc(fields, time)):
                    return event
        return _explained(fields, problems)


def _plain_in_utc(fields: Mapping[str, object], time: datetime) -> MedicationEvent | None:
    """Read an event of which perhaps only the time was not plain, with the quick reader."""
    try:
        written = time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None
    return read_plain_event({**fields, "event_time": written})


def _explained(fields: Mapping[str, object], problems: Mapping[str, str]) -> MedicationEvent:
    """Read an event, or say what is wrong with it beside the ``problems`` of its fields."""
    told = [f"{field}: {problem}" for field, problem in problems.items()]
    try:
        event = explain_event({**fields, **{field: _GOOD[field] for field in problems}})
    except ValidationError as error:
        raise NoEvent("; ".join([*told, reasons(error)])) from None
    if told:
        raise NoEvent("; ".join(told))
    return event


_WRONG_BYTES = (
    "holds bytes that are not in the encoding that it is read in: UTF-8, or for a file what "
    "--encoding (PUBLISHER_ENCODING) names"
)


def _fields(content: Mapping[str, object], columns: Mapping[str, str]) -> dict[str, object]:
    """Pick the fields out of a record; an empty one, or one of spaces, is an absent one."""
    return {
        field: value for field, column in columns.items() if not _is_empty(value := content[column])
    }


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _wrong_bytes(fields: Mapping[str, object]) -> dict[str, str]:
    return {
        field: _WRONG_BYTES
        for field, value in fields.items()
        if isinstance(value, str) and _NO_TEXT.search(value)
    }
