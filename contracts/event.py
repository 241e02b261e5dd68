"""The medication administration event: its fields, what they may hold, and how they are read."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from contracts.described import Described
from contracts.text import (
    IDENTIFIER_PATTERN,
    NAME_PATTERN,
    OPTIONAL_IDENTIFIER_PATTERN,
    read_identifier,
    read_name,
    read_optional_identifier,
)

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_FIRST_YEAR, _LAST_YEAR = 1800, 2999


class Action(StrEnum):
    """What a report says of a medication."""

    START = "start"
    STOP = "stop"
    CANCEL_START = "cancel_start"
    CANCEL_STOP = "cancel_stop"


def _read_time(value: object) -> datetime:
    """Read an RFC 3339 time with an offset as UTC; digits beyond the microsecond are cut off."""
    if isinstance(value, str):
        value = _parse_rfc_3339(value.strip())
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _no_time("is not a time with an offset")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _no_time("lies outside the years 1 to 9999 in UTC") from None


def _check_years(time: datetime) -> datetime:
    if not is_in_years_of_events(time):
        raise _no_time(f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR} in UTC")
    return time


def is_in_years_of_events(time: datetime) -> bool:
    """Say whether a time in UTC can be an event's.

    What lies outside is a program's word for no time, such as 0001-01-01 or 9999-12-31. Years that
    were shifted, so that nobody can be known by them, lie within.
    """
    return _FIRST_YEAR <= time.year <= _LAST_YEAR


def _parse_rfc_3339(text: str) -> datetime:
    if not _RFC_3339.fullmatch(text):
        raise _no_time("is not an RFC 3339 time with an offset")
    if text[17:19] == "60":
        raise _no_time("is a leap second, which cannot be kept")
    if text[11:13] == "24":  # some Pythons read it as the next day's midnight
        raise _no_time("is not a day and time that exist")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise _no_time("is not a day and time that exist") from None


def written_like(pattern: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Document a pattern, as the one alternative there is.

    Swagger UI would try one that stands beside the type, and not in JavaScript's Unicode mode,
    without which ranges beyond U+FFFF are errors.
    """
    return Field(json_schema_extra={"anyOf": [{"pattern": pattern}]})


def _no_time(what: str) -> PydanticCustomError:
    return PydanticCustomError("event_time", f"{what}: write it like 2021-01-01T02:00:00Z")


MAX_IDENTIFIER_CHARACTERS = 128
MAX_NAME_CHARACTERS = 256

Identifier = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS),
    Field(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS),
    written_like(IDENTIFIER_PATTERN),
    BeforeValidator(read_identifier),
]
PatientId = Annotated[
    Identifier,
    Field(examples=["2"]),
    Field(description="Identifies the patient, as the reporting system writes it."),
]
MedicationName = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_NAME_CHARACTERS),
    Field(min_length=1, max_length=MAX_NAME_CHARACTERS, examples=["Heparin"]),
    Field(description="Names the medication. Equal names are one medication."),
    written_like(NAME_PATTERN),
    BeforeValidator(read_name),
]
ReportedAction = Annotated[
    Action,
    Field(
        description="start or stop; cancel_start or cancel_stop takes the latest one back.",
        examples=["start"],
    ),
    BeforeValidator(read_identifier),
]
Instant = Annotated[
    datetime,
    Field(examples=["2021-01-01T02:00:00Z"]),
    Field(description="RFC 3339 with an offset, kept in UTC to the microsecond."),
    BeforeValidator(_read_time),
]
EventTime = Annotated[
    Instant,
    Field(
        description="When it happened: RFC 3339 with an offset, kept in UTC to the microsecond; "
        f"of the years {_FIRST_YEAR} to {_LAST_YEAR}."
    ),
    AfterValidator(_check_years),
]
_OptionalIdentifier = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS),
    Field(max_length=MAX_IDENTIFIER_CHARACTERS),
    written_like(OPTIONAL_IDENTIFIER_PATTERN),
]
OrderId = Annotated[
    _OptionalIdentifier | None,
    Field(
        description="The order or infusion that the event belongs to, where it is known.",
        examples=["334217"],
    ),
    BeforeValidator(read_optional_identifier),
]
EventId = Annotated[
    _OptionalIdentifier | None,
    Field(
        description="Tells two reports apart that are equal in all else.",
        examples=["pump-17-000123"],
    ),
    BeforeValidator(read_optional_identifier),
]


class MedicationEvent(Described, frozen=True, gc=False, omit_defaults=True):
    """One report that a patient started or stopped a medication, or that such a report was wrong.

    Two events with all six fields equal are the same event, however often it arrives. Texts that
    look equal are equal: any space is a plain one, runs of them are one, none is left at the ends.
    Control characters are refused, in identifiers also those that can't be seen; in names these
    are left out, save where the script needs them. An empty optional field is an absent one.
    Unknown fields are ignored, so that either side can be upgraded first.
    """

    patient_id: PatientId
    medication_name: MedicationName
    action: ReportedAction
    event_time: EventTime
    order_id: OrderId = None
    event_id: EventId = None


FIELDS = MedicationEvent.__struct_fields__
"""The names of an event's fields, in their order."""

MAX_EVENTS = 1_000
"""Events in a message."""

_MAX_REASONS = 10
_EVENT = TypeAdapter(MedicationEvent)
_PATIENT = TypeAdapter(PatientId)


def explain_event(fields: object) -> MedicationEvent:
    """Make an event of its fields, mended where that is certain.

    Raises:
        pydantic.ValidationError: they break the contract; ``reasons`` puts it into words.

    """
    return _EVENT.validate_python(fields)


def checked_patient(identifier: object) -> str:
    """Return a patient's identifier as events have it.

    Raises:
        ValueError: it can't be one; the text says why, without repeating it.

    """
    try:
        return _PATIENT.validate_python(identifier)
    except ValidationError as error:
        raise ValueError(reasons(error)) from None


def reasons(error: ValidationError) -> str:
    """Say what is wrong with a report, field by field, without repeating what it holds."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return first_of(
        [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".removeprefix(": ")
            for problem in problems
        ]
    )


def first_of(problems: Sequence[str]) -> str:
    """Write the first problems in one line, and how many more there are."""
    more = f"; and {len(problems) - _MAX_REASONS} more" if len(problems) > _MAX_REASONS else ""
    return "; ".join(problems[:_MAX_REASONS]) + more
