"""The medication administration event: its fields, what they may hold, and how they are read."""

import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from contracts.described import Described

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


class Action(StrEnum):
    """What a report says of a medication."""

    START = "start"
    STOP = "stop"
    CANCEL_START = "cancel_start"
    CANCEL_STOP = "cancel_stop"


def _read_text(value: object) -> object:
    """Trim and NFC-normalise text, so that one name has one spelling; refuse control characters."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.isascii() and text.isprintable():
        return text
    if _CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "holds a control character: remove it")
    return unicodedata.normalize("NFC", text)


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


def _no_time(what: str) -> PydanticCustomError:
    return PydanticCustomError("event_time", f"{what}: write it like 2021-01-01T02:00:00Z")


PatientId = Annotated[
    str,
    Meta(min_length=1, max_length=128),
    Field(min_length=1, max_length=128, examples=["2"]),
    Field(description="Identifies the patient, as the reporting system writes it."),
    BeforeValidator(_read_text),
]
MedicationName = Annotated[
    str,
    Meta(min_length=1, max_length=256),
    Field(min_length=1, max_length=256, examples=["Heparin"]),
    Field(description="Names the medication. Equal names are one medication."),
    BeforeValidator(_read_text),
]
ReportedAction = Annotated[
    Action,
    Field(
        description="start or stop; cancel_start or cancel_stop takes the latest one back.",
        examples=["start"],
    ),
]
EventTime = Annotated[
    datetime,
    Field(examples=["2021-01-01T02:00:00Z"]),
    Field(description="When it happened: RFC 3339 with an offset, kept in UTC to the microsecond."),
    BeforeValidator(_read_time),
]
OrderId = Annotated[
    str,
    Meta(min_length=1, max_length=128),
    Field(min_length=1, max_length=128, examples=["334217"]),
    Field(description="The order or infusion that the event belongs to, where it is known."),
    BeforeValidator(_read_text),
]
EventId = Annotated[
    str,
    Meta(min_length=1, max_length=128),
    Field(min_length=1, max_length=128, examples=["pump-17-000123"]),
    Field(description="Tells two reports apart that are equal in all else."),
    BeforeValidator(_read_text),
]


class MedicationEvent(Described, frozen=True, gc=False, omit_defaults=True):
    """One report that a patient started or stopped a medication, or that such a report was wrong.

    Two events with all six fields equal are the same event, however often it arrives.
    Unknown fields are ignored, so that either side can be upgraded first.
    """

    patient_id: PatientId
    medication_name: MedicationName
    action: ReportedAction
    event_time: EventTime
    order_id: OrderId | None = None
    event_id: EventId | None = None


FIELDS = MedicationEvent.__struct_fields__
"""The names of an event's fields, in their order."""


def reasons(error: ValidationError) -> str:
    """Say what is wrong with an event, field by field, without repeating what it holds."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".removeprefix(": ")
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )
