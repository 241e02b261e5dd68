"""Mapping: the fields of an event found in a record, by the names of its columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import asdict, replace
from pydantic import ValidationError

from contracts import (
    FIELDS,
    RECORD_FIELDS,
    Action,
    MedicationEvent,
    RecordVersion,
    Report,
    explain_event,
    explain_version,
    read_plain_event,
    reasons,
)
from contracts.event import first_of
from publisher_app.formats.columns import Columns, SeveralColumns
from publisher_app.formats.records import Record
from publisher_app.formats.times import read_time

_EVENTS = "events"
_NO_OBJECT = "is not an object with the fields of an event"
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
    may_be_of_record: bool
    """Whether a column of a record's fields is there."""


class FieldMapping:
    """Finds the fields of events in records."""

    def __init__(
        self, columns: Columns, zone: ZoneInfo | None = None, time_formats: Sequence[str] = ()
    ) -> None:
        self._columns = columns
        self._read_time = partial(read_time, zone=zone, formats=time_formats)
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._last = _Shape([], {}, own_names=False, may_be_of_record=False)

    def reports_of(self, record: Record, _: object = None) -> Sequence[Report]:
        """Read the report that a record is: an event, or a version where its fields are there.

        Raises:
            NoEvent: it is none.

        """
        content = record.content
        if record.problem is not None:
            raise NoEvent(record.problem)
        if not isinstance(content, dict):
            raise NoEvent(_NO_OBJECT)
        shape = self._last  # as most records are as the one before
        if [*content] != shape.names:
            shape = self._last = self._shape_of(content)
        return (self._report(content, shape),)

    def _report(self, content: dict[str, object], shape: _Shape) -> Report:
        if shape.may_be_of_record:
            fields = _fields(content, shape.columns)
            of_record = _picked(fields, RECORD_FIELDS)
            return self._version(of_record, content, fields) if of_record else self._event(fields)
        event = read_plain_event(content) if shape.own_names else None
        return event or self._mended(_fields(content, shape.columns))

    def _version(
        self,
        of_record: Mapping[str, object],
        content: Mapping[str, object],
        fields: Mapping[str, object],
    ) -> RecordVersion:
        """Read a version of a record: with a list of its events, or with the fields of the one."""
        listed = content.get(_EVENTS)
        events: list[MedicationEvent] = []
        problems: list[str] = []
        if isinstance(listed, list):
            if _picked(fields, FIELDS):
                raise NoEvent("events: stands beside the fields of an event: leave out either")
            for place, each in enumerate(listed):
                try:
                    events.append(self._listed_event(each))
                except NoEvent as problem:
                    problems.append(f"{_EVENTS}.{place}: {problem}")
        else:
            try:
                events.append(self._event(fields))
            except NoEvent as problem:
                problems.append(str(problem))
        try:
            version = explain_version({**of_record, _EVENTS: []})
        except ValidationError as error:
            problems.append(reasons(error))
        if problems:
            raise NoEvent(first_of(problems))
        return replace(version, events=events)

    def _listed_event(self, content: object) -> MedicationEvent:
        if not isinstance(content, dict):
            raise NoEvent(_NO_OBJECT)
        fields = _fields(content, self._shape_of(content).columns)
        if _picked(fields, RECORD_FIELDS):
            raise NoEvent("is of a record of its own, and not of the one that lists it")
        return self._event(fields)

    def _event(self, fields: Mapping[str, object]) -> MedicationEvent:
        """Read an event of what may have a record's fields, too."""
        return self._mended(_picked(fields, FIELDS))

    def _shape_of(self, content: Mapping[str, object]) -> _Shape:
        names = tuple(content)
        if shape := self._shapes.get(names):
            return shape
        try:
            columns = self._columns.find(names)
        except SeveralColumns as error:
            raise NoEvent(str(error)) from None
        own_names = all(field == column for field, column in columns.items())
        shape = _Shape([*names], columns, own_names, not columns.keys().isdisjoint(RECORD_FIELDS))
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


def _picked(fields: Mapping[str, object], names: Iterable[str]) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _wrong_bytes(fields: Mapping[str, object]) -> dict[str, str]:
    return {
        field: _WRONG_BYTES
        for field, value in fields.items()
        if isinstance(value, str) and _NO_TEXT.search(value)
    }
