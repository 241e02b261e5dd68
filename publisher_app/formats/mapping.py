"""Mapping: the fields of an event found in a record, by the names of its columns."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from contracts import FIELDS, MedicationEvent, explain_event, read_plain_event, reasons
from publisher_app.formats.records import Record
from publisher_app.formats.times import read_time

_OTHER_NAMES = {"patient_id": ("patient_id", "p_id")}


class NoEvent(ValueError):
    """A record is no event; the text says why, and repeats nothing of it."""


class FieldMapping:
    """Finds the fields of events in the records of one kind of input."""

    def __init__(self, columns: Mapping[str, str], zone: ZoneInfo | None) -> None:
        """``columns`` names the column of a field where it is not the field's own name."""
        self._columns = {
            field: (columns[field],) if field in columns else _OTHER_NAMES.get(field, (field,))
            for field in FIELDS
        }
        self._own_names = not columns
        self._zone = zone

    def event_of(self, record: Record) -> MedicationEvent:
        """Read a record as an event.

        Raises:
            NoEvent: it is none.

        """
        if record.problem is not None:
            raise NoEvent(record.problem)
        if not isinstance(record.content, dict):
            raise NoEvent("is not an object with the fields of an event")
        event = read_plain_event(record.content) if self._own_names else None
        return event or self._mended(record.content)

    def _fields(self, content: Mapping[str, object]) -> dict[str, object]:
        """Pick the fields out of a record; an empty one, or one of spaces, is an absent one."""
        fields = {}
        for field, columns in self._columns.items():
            for column in columns:
                if not _is_empty(value := content.get(column)):
                    fields[field] = value
                    break
        return fields

    def _mended(self, content: Mapping[str, object]) -> MedicationEvent:
        fields = self._fields(content)
        if event := read_plain_event(fields):
            return event
        try:
            if "event_time" in fields:
                fields["event_time"] = read_time(fields["event_time"], self._zone)
        except ValueError as error:
            raise NoEvent(f"event_time: {error}") from None
        try:
            return explain_event(fields)
        except ValidationError as error:
            raise NoEvent(reasons(error)) from None


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
