"""Tables: rows become events, or versions of records, as a profile says."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from contracts import Action, MedicationEvent, RecordVersion, Report, legible
from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns, with_nearest
from publisher_app.formats.events import (
    event_at,
    key_of,
    made_version,
    order_id,
    record_id,
    stop_of,
)
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.profiles import FIELDS, Profile, Table, Version, alternatives, columns_of
from publisher_app.formats.records import Record
from publisher_app.formats.times import read_time, whole_day
from publisher_app.formats.versions import digest_of, in_order_of_code_points, written_time

NO_EDGE = "rows that report neither a start nor a stop"
TAKEN_BACK = "rows that take a record back"
IGNORED = "rows that the profile ignores"
_ANOTHER_HEADER = (
    "name in the profile what stands above it (skip_lines), what parts its columns (delimiter), or "
    "others"
)
_ISO_DATE = "%Y-%m-%d"
_DIGITS = 20
_UNKNOWN_WORD = "action: is none of the words that the profile names"
_MOST_OF_A_WORD = 40
_TIMES_KEPT = 4_096

Row = Mapping[str, Any]
_Cell = Callable[[Row], str]
"""Gives the text that a row has for a field; an empty one where it has none."""
_Moment = tuple[datetime, datetime | None]
"""A time in UTC; of a date, where these are allowed, its day's beginning and end."""


class ProfileColumns(Columns):
    """Knows the columns that a profile names; others may be there."""

    elsewhere = "name others in the profile"
    another_header = _ANOTHER_HEADER

    def __init__(self, needed: Sequence[str], delimiter: str | None) -> None:
        super().__init__({})
        self._needed = needed
        self.delimiter = delimiter

    def is_header(self, names: Sequence[str]) -> bool:
        return not {*self._needed} - {*names}

    def knows_any_of(self, names: Collection[str]) -> bool:
        return not {*self._needed}.isdisjoint(names)

    def check_header(self, names: Sequence[str]) -> None:
        if missing := [each for each in self._needed if each not in names]:
            told = self.told_of(names)
            if not told:
                raise UnreadableInput(self.told_no_header(", ".join(self._needed)))
            wanted = ", ".join(with_nearest(each, told) for each in missing)
            raise UnreadableInput(self.told_missing("it has no", wanted, told))
        twice = [each for each in self._needed if list(names).count(each) > 1]
        if twice:
            raise UnreadableInput(f"the column {twice[0]} is there more than once")


class TableReader:
    """Reads the rows of a source."""

    def __init__(
        self, profile: Profile, table: Table, zone: ZoneInfo | None, as_of: str | None
    ) -> None:
        self.columns = ProfileColumns(columns_of(table), table.delimiter)
        self._table = table
        self._source = profile.source or ""
        self.zone = profile.zone or zone
        self._as_of = None if as_of is None else written_time(read_time(as_of, None))
        self._formats = table.times.formats_of_times
        self._formats_of_days = table.times.formats_of_days if table.times.dates else []
        self._given = {each: _cell(alternatives(table.columns.get(each, []))) for each in FIELDS}
        self._named = {
            field: _looked_up(field, cell, profile.names.get(field))
            for field, cell in self._given.items()
        }
        self._words = table.actions if "action" in table.columns else None
        self._ignored = [*table.ignore.items()]
        self._edges = self._of_events if table.rows == "events" else self._of_interval
        self._ranked_by = table.record.version if table.record else Version()
        # Rows that follow one another often have times in common.
        self._moment = lru_cache(_TIMES_KEPT)(self._read_moment)
        self._rank_of = lru_cache(_TIMES_KEPT)(self._read_rank)

    def reports_of(self, record: Record, notes: Counter[str]) -> Sequence[Report]:
        """Read what a row reports.

        Raises:
            NoEvent: it can't be read.

        """
        if record.problem is not None:
            raise NoEvent(record.problem)
        row = record.content
        if not isinstance(row, dict):
            raise NoEvent("is not an object with the columns of the profile")
        for name, values in self._ignored:
            if _text(name, row) in values:
                notes[IGNORED] += 1
                return ()
        word = self._word(row)
        events = [] if word in ("none", "void") else self._edges(row, word)
        if not events:
            notes[TAKEN_BACK if word == "void" else NO_EDGE] += 1
        if self._table.record is None:
            return events
        return (self._version(row, events),)

    def _word(self, row: Row) -> str:
        """Say what a row's word of action means; without any, an interval."""
        if self._words is None:
            return "interval"
        word = self._words.get(self._given["action"](row))
        if word is None:
            raise NoEvent(_UNKNOWN_WORD)
        return word

    def with_word(self, record: Record, reason: str) -> str:
        """Add the word that is not known to the reason why a row is rejected."""
        if reason != _UNKNOWN_WORD or not isinstance(record.content, dict):
            return reason
        return f"{reason}: {legible(self._given['action'](record.content))[:_MOST_OF_A_WORD]!r}"

    def _of_events(self, row: Row, word: str) -> list[MedicationEvent]:
        at, _ = self._time("event_time", row)
        if word == "point":
            start = self._event(row, Action.START, at, self._order(row, at, at))
            return [start, replace(start, action=Action.STOP)]
        return [self._event(row, Action(word), at, self._order(row, at, None))]

    def _of_interval(self, row: Row, _word: str) -> list[MedicationEvent]:
        start = self._time("start", row)[0]
        stop = self._stop(row)
        if stop is not None and stop < start:
            raise NoEvent("stop: is before start")
        event = self._event(row, Action.START, start, self._order(row, start, stop))
        if stop is None:
            return [event]
        return [event, stop_of(event, stop)]

    def _stop(self, row: Row) -> datetime | None:
        if not self._given["stop"](row):
            return None
        begin, end = self._time("stop", row)
        is_within = self._table.times.dates == "end inclusive"
        return end if end is not None and is_within else begin

    def _event(self, row: Row, action: Action, at: datetime, order: str) -> MedicationEvent:
        return event_at(
            at,
            action,
            patient_id=self._named["patient_id"](row),
            medication_name=self._named["medication_name"](row),
            order_id=order and order_id(order),
            event_id=self._named["event_id"](row),
        )

    def _order(self, row: Row, start: datetime, stop: datetime | None) -> str:
        """Give the order; an interval without one is an order of its own: others may overlap it."""
        order = self._named["order_id"](row)
        if order or self._table.rows == "events":
            return order
        own = (
            self._named["patient_id"](row),
            self._named["medication_name"](row),
            written_time(start),
            "" if stop is None else written_time(stop),
        )
        key = self._key(row) if self._table.record else "\n".join(own)
        return f"row-{blake2b(key.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"

    def _version(self, row: Row, events: list[MedicationEvent]) -> RecordVersion:
        # A space is below all that is in a rank.
        version = f"{self._rank(row)} {digest_of(events)}"
        return made_version(record_id(self._source, self._key(row)), version, events)

    def _key(self, row: Row) -> str:
        record = self._table.record
        parts = [] if record is None else [_text(name, row) for name in record.id]
        if not all(parts):
            raise NoEvent("record: a column that names it is empty")
        return parts[0] if len(parts) == 1 else key_of(parts)

    def _rank(self, row: Row) -> str:
        if self._ranked_by.written_as == "as-of":
            if self._as_of is None:
                raise NoEvent("record: say when the export was with --as-of (PUBLISHER_AS_OF)")
            return self._as_of
        name = self._ranked_by.column or ""
        text = _text(name, row)
        if not text:
            raise NoEvent(f"{name}: is empty, and ranks the versions of a record")
        return self._rank_of(text)

    def _read_rank(self, text: str) -> str:
        name = self._ranked_by.column or ""
        if self._ranked_by.written_as == "time":
            return written_time(self._read(name, text)[0])
        if self._ranked_by.written_as == "number":
            if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
                raise NoEvent(f"{name}: is no number, as the profile says")
            return text.zfill(_DIGITS)
        return in_order_of_code_points(text)

    def _time(self, field: str, row: Row) -> _Moment:
        text = self._given[field](row)
        if not text:
            raise NoEvent(f"{field}: is empty")
        return self._read(field, text)

    def _read(self, field: str, text: str) -> _Moment:
        try:
            return self._moment(text)
        except ValueError as error:
            raise NoEvent(f"{field}: {error}") from None

    def _read_moment(self, text: str) -> _Moment:
        times = self._table.times
        if times.count is not None:
            try:
                counted = times.origin + timedelta(**{times.count: float(text)})
                return counted.astimezone(UTC), None
            except (ValueError, OverflowError):
                raise ValueError("is no number that a time can be") from None
        if times.dates is not None and (day := self._date(text)) is not None:
            return self._day(day)
        return read_time(text, self.zone, self._formats).astimezone(UTC), None

    def _date(self, text: str) -> date | None:
        """Read a date by all formats that there are for it; None where it is none."""
        found = {
            day
            for each in (_ISO_DATE, *self._formats_of_days)
            if (day := _read_date(text, each)) is not None
        }
        if len(found) > 1:
            raise ValueError("is read differently by two of the formats that the profile names")
        return next(iter(found), None)

    def _day(self, day: date) -> tuple[datetime, datetime]:
        if self.zone is None:
            raise ValueError("is a date, and the profile names no zone (table.times.zone)")
        try:
            return whole_day(day, self.zone)
        except OverflowError:
            raise ValueError("lies at an end of the calendar") from None


def _read_date(text: str, written: str) -> date | None:
    try:
        return datetime.strptime(text, written).date()  # noqa: DTZ007 - a date
    except ValueError:
        return None


def _cell(columns: Sequence[Sequence[str]]) -> _Cell:
    """Tell how a field's text is found: mostly in the one column that there is for it."""
    match columns:
        case [[name]]:
            return partial(_text, name)
    return partial(_first_text, columns)


def _first_text(columns: Sequence[Sequence[str]], row: Row) -> str:
    """Give the text of the first of a field's columns that is not empty."""
    for parts in columns:
        texts = [text for name in parts if (text := _text(name, row))]
        if texts:
            return " ".join(texts)
    return ""


def _looked_up(field: str, cell: _Cell, names: Mapping[str, str] | None) -> _Cell:
    """Tell how a field's text is found that may stand as a code."""
    if names is None:
        return cell

    def look_up(row: Row) -> str:
        code = cell(row)
        if not code:
            return code
        if not (name := names.get(code)):
            raise NoEvent(f"{field}: is not in the look-up file")
        return name

    return look_up


def _text(name: str, row: Row) -> str:
    value = row.get(name)
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or isinstance(value, dict | list) else str(value)
