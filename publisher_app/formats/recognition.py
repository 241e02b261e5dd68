"""Recognition: an input's content says in which format it is, and so how it is read."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from contracts import Report
from publisher_app.failures import TakenElsewhere, UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.delimited import delimited
from publisher_app.formats.fhir.options import FhirOptions
from publisher_app.formats.fhir.reading import Resources, gather
from publisher_app.formats.fhir.references import Gathering, Resolver
from publisher_app.formats.foreign import FHIR, HL7, begins_as_hl7, foreign_text
from publisher_app.formats.hl7.options import Hl7Options
from publisher_app.formats.hl7.reading import Messages
from publisher_app.formats.json_arrays import json_array
from publisher_app.formats.json_beginnings import Begun, begin_array, begin_object
from publisher_app.formats.json_objects import json_objects
from publisher_app.formats.mapping import FieldMapping
from publisher_app.formats.parquet import parquet
from publisher_app.formats.profiles import Profile
from publisher_app.formats.records import MAX_CHARACTERS, Record
from publisher_app.formats.tables import TableReader
from publisher_app.formats.text import BYTE_ORDER_MARK, Source, lines, reading

logger = logging.getLogger(__name__)

Notes = Counter[str]
"""What is worth telling of an input beside its rejects, in words without its content, counted."""


class Recognised(NamedTuple):
    """An input in a format that is known: its records, and what each of them reports.

    ``reports_of`` may yield reports and then raise ``NoEvent``: the rest of the record is none.
    """

    records: Iterator[Record]
    reports_of: Callable[[Record, Notes], Iterable[Report]]
    is_hl7: bool = False


_Begin = Callable[[Source], Begun]
_Read = Callable[[Source, Begun, Columns], Iterator[Record]]

_JSON: dict[str, tuple[_Begin, _Read]] = {
    "[": (begin_array, json_array),
    "{": (begin_object, json_objects),
}


class Reading(Protocol):
    """What the settings say of how inputs are read: see ``publisher_app.settings``."""

    map: dict[str, str]
    timezone: ZoneInfo | None
    time_format: list[str]
    profile: Profile | None
    source: str | None
    as_of: str | None

    @property
    def encoding_of_files(self) -> str | None:
        """What files are said to be in."""


class Formats:
    """The formats that are read, as the settings have it."""

    def __init__(self, settings: Reading, referred: Resolver | None = None) -> None:
        """Take in ``referred`` what the FHIR of this call's files was gathered in before."""
        self.columns = Columns(settings.map)
        self._mapping = FieldMapping(self.columns, settings.timezone, settings.time_format)
        self._fhir = fhir_options(settings)
        self.hl7 = hl7_options(settings)
        self._encoding = settings.encoding_of_files
        self._table = _table_reader(settings)
        self._referred = referred
        self._settings = settings
        self._is_told = False

    def recognise(
        self,
        text: IO[str],
        *,
        skip_lines: int = 0,
        live: bool = False,
        gather: Callable[[Gathering], None] | None = None,
    ) -> Recognised:
        """Find out in which format an input is; of a ``live`` one the next record may be far away.

        ``gather`` reads it a first time, for what its resources refer to; None where it can't be.

        Raises:
            UnreadableInput: it is none that is read. The records raise it, too.

        """
        source = _source(text, skip_lines)
        if source is None:
            return self.of_events(iter(()))
        if begins_as_hl7(source.first):
            self._tell_of_passed_over(self.hl7.zone)
            messages = Messages(self.hl7, self._encoding)
            records = messages.records([source.first], source.rest, source.line)
            return Recognised(records, messages.reports_of, is_hl7=True)
        begun = _begin(source)
        if begun.is_fhir:
            self._tell_of_passed_over(self._fhir.zone)
            resources = Resources(self._fhir, self._referred, gather)
            records = resources.records(begun.read, source.rest, source.line)
            return Recognised(records, resources.reports_of)
        if self._table is not None:
            return self._of_table(_read(source, begun, self._table.columns), self._table)
        records = _read(source, begun, self.columns)
        return self.of_events(self.columns.checked(records, live=live))

    def of_parquet(self, descriptor: int) -> Recognised:
        """Read an open file of Parquet, as CSV with its rows would be read."""
        if self._table is not None:
            return self._of_table(parquet(descriptor, self._table.columns), self._table)
        return self.of_events(parquet(descriptor, self.columns))

    def _of_table(self, records: Iterator[Record], table: TableReader) -> Recognised:
        """Read rows as the profile has it, whatever the settings say of columns and times."""
        given = {
            "--map (PUBLISHER_MAP)": self._settings.map,
            "--time-format (PUBLISHER_TIME_FORMAT)": self._settings.time_format,
        }
        not_used = (f"{option} is not used" for option, value in given.items() if value)
        self._tell_of_passed_over(table.zone, *not_used)
        return Recognised(records, table.reports_of)

    def _tell_of_passed_over(self, zone: ZoneInfo | None, *others: str) -> None:
        """Tell once of the settings that a profile makes idle."""
        told, timezone = [*others], self._settings.timezone
        if timezone is not None and timezone != zone:
            told.append(f"the zone is {zone}, and not that of --timezone (PUBLISHER_TIMEZONE)")
        if told and not self._is_told:
            self._is_told = True
            logger.warning("the profile comes first: %s", "; ".join(told))

    def with_word(self, record: Record, reason: str) -> str:
        """Name the word of action that a profile lacks, for who completes it."""
        return reason if self._table is None else self._table.with_word(record, reason)

    def of_events(self, records: Iterator[Record]) -> Recognised:
        """Read records with the fields of events, such as JSON that was taken apart already."""
        return Recognised(records, self._mapping.reports_of)

    def fhir(self, as_of: str) -> Resources:
        """Give what reads the resources of one request, which is of a time in RFC 3339."""
        return Resources(self._fhir._replace(as_of=as_of))


def gather_references(text: IO[str], into: Gathering) -> None:
    """Keep what others may refer to, where a text is FHIR.

    Raises:
        UnreadableInput: it is none that is read.

    """
    if source := _source(text):
        begun = _begin(source)
        if begun.is_fhir:
            gather(begun.read, source.rest, into)


def fhir_options(settings: Reading) -> FhirOptions:
    """Say how FHIR is read."""
    options = FhirOptions(zone=settings.timezone, as_of=settings.as_of)
    if settings.profile is not None:
        options = options._replace(**settings.profile.fhir)
    source = _source_of(settings)
    return options._replace(source=source) if source else options


def hl7_options(settings: Reading) -> Hl7Options:
    """Say how HL7 v2 is read."""
    options = Hl7Options(zone=settings.timezone)
    if settings.profile is not None:
        options = options._replace(**settings.profile.hl7)
    source = _source_of(settings)
    return options._replace(source=source) if source else options


def _source_of(settings: Reading) -> str | None:
    """Name the source: a profile speaks of one alone, and no setting makes two of them one."""
    return (settings.profile.source if settings.profile else None) or settings.source


def _table_reader(settings: Reading) -> TableReader | None:
    profile = settings.profile
    if profile is None or profile.table is None:
        return None
    named = profile._replace(source=_source_of(settings))
    return TableReader(named, profile.table, settings.timezone, settings.as_of)


def records_of(text: IO[str], columns: Columns, *, skip_lines: int = 0) -> Iterator[Record]:
    """Take an input of events apart; its first character that is no space says how.

    ``skip_lines`` are passed over before.

    Raises:
        UnreadableInput: it is none that is read, the rest can't be read, or not be taken apart.

    """
    with reading():
        if source := _source(text, skip_lines):
            yield from _read(source, _begin(source), columns)


def json_records_of(text: IO[str], columns: Columns) -> Iterator[Record]:
    """Take JSON apart, as ``records_of`` does."""
    with reading():
        if source := _source(text):
            if begins_as_hl7(source.first):
                raise TakenElsewhere(f"it is {HL7}")
            if source.first.lstrip()[0] not in _JSON:
                raise UnreadableInput("is not JSON")
            begun = _begin(source)
            if begun.is_fhir:
                raise TakenElsewhere(f"it is {FHIR}")
            yield from _read(source, begun, columns)


def _begin(source: Source) -> Begun:
    begin, _ = _JSON.get(source.first.lstrip()[0], (None, None))
    return begin(source) if begin else Begun([source.first])


def _read(source: Source, begun: Begun, columns: Columns) -> Iterator[Record]:
    _, read = _JSON.get(source.first.lstrip()[0], (None, None))
    return read(source, begun, columns) if read else delimited(source, columns)


def _source(text: IO[str], skip_lines: int = 0) -> Source | None:
    beginning = text.readline(MAX_CHARACTERS).lstrip(BYTE_ORDER_MARK)
    for number, line in enumerate(lines(beginning, text), start=1):
        if number > skip_lines and line.strip():
            if told := foreign_text(line):
                raise UnreadableInput(f"it is {told}")
            return Source(line, number, text)
    return None
