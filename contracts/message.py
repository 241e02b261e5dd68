"""The message: what one delivery from RabbitMQ carries, and how it is read and written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema
from pydantic_core.core_schema import bytes_schema, json_or_python_schema

from contracts.elements import NotJson, elements, fields_of
from contracts.event import MAX_EVENTS, MedicationEvent, first_of, reasons
from contracts.reading import NO_REPORTS, is_of_versions, read_plain, write_message
from contracts.records import RECORD_FIELDS, RecordEvent, RecordVersion, Report, explain_report

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Room for MAX_EVENTS events of no record whose every character is written as an escape."""

_Report = MedicationEvent | RecordEvent | RecordVersion
_Reports = _Report | Annotated[list[_Report], Field(max_length=MAX_EVENTS)]


_Named = tuple[str, str]


class _DocumentedAs:
    """Lets bytes be documented as the JSON that they hold, and pass unread."""

    def __init__(self, content: object) -> None:
        self._content = content

    def __get_pydantic_core_schema__(self, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return json_or_python_schema(handler.generate_schema(self._content), bytes_schema())


MedicationEvents = Annotated[
    bytes,
    _DocumentedAs(_Reports),
    Field(
        title="MedicationEvents",
        description="Events, and versions of records: one alone, or a list of them with up to "
        f"{MAX_EVENTS:,} events in all.",
    ),
]
"""The body of a message, for a declaration that FastStream documents."""


DeadLetter = Annotated[
    bytes,
    _DocumentedAs(Any),
    Field(title="DeadLetter", description="The body of a message, untouched."),
]
"""The body of a dead letter, likewise: as it breaks the contract, it may be anything."""


class ReadMessage(NamedTuple):
    """What a message body holds: the reports that keep the contract, and why others do not."""

    reports: Sequence[Report]
    refusal: str | None = None

    @property
    def events(self) -> list[MedicationEvent]:
        """Those that are events which stand for themselves."""
        return [each for each in self.reports if isinstance(each, MedicationEvent)]

    @property
    def versions(self) -> list[RecordVersion]:
        """Those that are versions of records."""
        return [each for each in self.reports if isinstance(each, RecordVersion)]


class CanonicalMessage(NamedTuple):
    """The same, as ``write_message`` writes it: events and versions of records apart."""

    written: bytes
    versions: bytes
    size: int
    """How many events they are; a version without any counts as one."""
    refusal: str | None = None


def read_message(body: bytes) -> ReadMessage:
    """Read a message body; what breaks the contract is told in words that repeat no content."""
    return _read_plain(body) or explain_message(body)


def canonical_message(body: bytes) -> CanonicalMessage:
    """Read a message body likewise; where nothing had to be mended, it is kept as it is."""
    plain = _read_plain(body)
    if plain is None:
        reports, refusal = explain_message(body)
        return canonical_reports(reports)._replace(refusal=refusal)
    if not plain.reports:
        return CanonicalMessage(NO_REPORTS, NO_REPORTS, 0, plain.refusal)
    size = _size_of_plain(body, plain.reports)
    if is_of_versions(body):
        return CanonicalMessage(NO_REPORTS, body, size)
    return CanonicalMessage(body, NO_REPORTS, size)


def canonical_reports(reports: Sequence[Report]) -> CanonicalMessage:
    """Write reports likewise."""
    read = ReadMessage(reports)
    size = sum(map(_size, reports))
    return CanonicalMessage(write_message(read.events), write_message(read.versions), size)


def _read_plain(body: bytes) -> ReadMessage | None:
    """Read a message that is written plainly, or is too large to be read at all."""
    if len(body) > MAX_MESSAGE_BYTES:
        return ReadMessage([], f"{len(body)} bytes: a message holds up to {MAX_MESSAGE_BYTES}")
    reports = read_plain(body)
    if reports is None:
        return None
    return _too_many(_size_of_plain(body, reports)) or ReadMessage(reports)


def explain_message(body: bytes) -> ReadMessage:
    """Read a body that need not be written plainly, or say what is wrong with it."""
    try:
        parts = elements.of(body)
        if parts is None:
            return _explain_alone(fields_of(body))
        return _too_many(len(parts)) or _explain_list(parts)
    except NotJson as error:
        return ReadMessage([], f"Invalid JSON: {error}")


def _size_of_plain(body: bytes, reports: Sequence[Report]) -> int:
    return sum(map(_size, reports)) if is_of_versions(body) else len(reports)


def _size(report: Report) -> int:
    return report.size if isinstance(report, RecordVersion) else 1


def _too_many(size: int) -> ReadMessage | None:
    if size <= MAX_EVENTS:
        return None
    count = size if size < 2 * MAX_EVENTS else f"more than {MAX_EVENTS}"
    return ReadMessage([], f"a list of {count} events: a message holds up to {MAX_EVENTS}")


def _explain_alone(fields: Mapping[str, object] | None) -> ReadMessage:
    if fields is None:
        return ReadMessage([], "Input should be an object")
    if refused := _too_many(_size_of(fields)):
        return refused
    try:
        return ReadMessage([explain_report(fields)])
    except ValidationError as error:
        return ReadMessage([], reasons(error))


def _explain_list(parts: Iterable[bytes]) -> ReadMessage:
    """Take the good reports out of a list that may hold bad ones too."""
    good: list[Report] = []
    refusals: list[str] = []
    broken: set[_Named | None] = set()
    size = 0
    for index, part in enumerate(parts):
        fields = fields_of(part)
        size += _size_of(fields)
        if size > MAX_EVENTS:  # to judge them all would take long
            return ReadMessage([], f"more than {MAX_EVENTS} events: that is what a message holds")
        try:
            good.append(explain_report(fields))
        except ValidationError as error:
            refusals.append(f"element {index}: {reasons(error)}")
            broken.add(_version_named(fields))
    broken.discard(None)
    whole = [each for each in good if _version_of(each) not in broken]
    if torn := len(good) - len(whole):
        refusals.append(f"{torn} more: of a version of which an element is refused")
    return ReadMessage(whole, first_of(refusals) or None)


def _version_named(fields: Mapping[str, object] | None) -> _Named | None:
    """Name the version that an element that is refused would have been of."""
    named = [None if fields is None else fields.get(name) for name in RECORD_FIELDS]
    record, version = (each.strip() if isinstance(each, str) else None for each in named)
    return (record, version) if record and version else None


def _version_of(report: Report) -> _Named | None:
    if isinstance(report, RecordVersion):
        return report.record_id, report.record_version
    return None


def _size_of(fields: Mapping[str, object] | None) -> int:
    """Count the events of what may be a version of a record."""
    events = None if fields is None else fields.get("events")
    return (len(events) if isinstance(events, list) else 0) or 1
