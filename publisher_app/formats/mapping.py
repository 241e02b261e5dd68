"""Rows read as events: names of fields, times, and repeated rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from pydantic import ValidationError

from contracts import (
    FIELDS,
    MedicationEvent,
    explain_event,
    read_plain_event,
    reasons,
    write_message,
)
from publisher_app.formats.rows import Row
from publisher_app.formats.times import read_time

_OTHER_NAMES = {"patient_id": ("patient_id", "p_id")}


class EventReader:
    """Reads the rows of one input as events."""

    def __init__(self, columns: Mapping[str, str], zone: ZoneInfo | None) -> None:
        """``columns`` names the column of a field where it is not the field's own name."""
        self._columns = {
            field: (columns[field],) if field in columns else _OTHER_NAMES.get(field, (field,))
            for field in FIELDS
        }
        self._own_names = not columns
        self._zone = zone
        self._repeats = _Repeats()

    def read(
        self, rows: Iterable[Row], reject: Callable[[Row, str], None]
    ) -> Iterator[MedicationEvent]:
        """Yield the events; call ``reject`` with each row that is none, and the reason."""
        for row in rows:
            try:
                yield self._event(row)
            except ValidationError as error:
                reject(row, reasons(error))
            except ValueError as error:
                reject(row, str(error))

    def _event(self, row: Row) -> MedicationEvent:
        if row.problem is not None:
            raise ValueError(row.problem)
        if not isinstance(row.content, dict):
            raise ValueError("is not an object with the fields of an event")  # noqa: TRY004
        event = read_plain_event(row.content) if self._own_names else None
        return self._repeats.number(event or self._mended(row.content))

    def _fields(self, content: Mapping[str, object]) -> dict[str, object]:
        """Pick the fields out of a row; an empty one, or one of spaces, is an absent one."""
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
        if "event_time" in fields:
            try:
                fields["event_time"] = read_time(fields["event_time"], self._zone)
            except ValueError as error:
                raise ValueError(f"event_time: {error}") from None
        return explain_event(fields)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


class _Repeats:
    """Tells equal rows without an event_id apart, as they are separate reports.

    Numbering them by their place among their equals gives each the same event_id whenever this
    input, or one that overlaps it, is published again. Takes about 100 bytes a row.
    """

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def number(self, event: MedicationEvent) -> MedicationEvent:
        if event.event_id is not None:
            return event
        key = blake2b(write_message([event]), digest_size=16).digest()
        count = self._counts[key] = self._counts.get(key, 0) + 1
        return event if count == 1 else replace(event, event_id=str(count))
