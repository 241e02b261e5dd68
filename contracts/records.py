"""Records: what a source reports whole, and again in a new version when it corrects it."""

from collections.abc import Mapping
from typing import Annotated, LiteralString

from msgspec import Meta
from msgspec.structs import astuple
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from contracts.described import Described
from contracts.event import (
    FIELDS,
    Identifier,
    MedicationEvent,
    explain_event,
    reasons,
    written_like,
)
from contracts.text import IDENTIFIER_PATTERN, read_identifier

MAX_RECORD_CHARACTERS = 256
MAX_VERSION_CHARACTERS = 128

RecordId = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_RECORD_CHARACTERS),
    Field(min_length=1, max_length=MAX_RECORD_CHARACTERS),
    Field(
        description="The record that is reported, whose source it begins with.",
        examples=["ward-server/MedicationAdministration/7"],
    ),
    written_like(IDENTIFIER_PATTERN),
    BeforeValidator(read_identifier),
]
VersionOfRecord = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_VERSION_CHARACTERS),
    Field(min_length=1, max_length=MAX_VERSION_CHARACTERS),
    Field(
        description="Which version of it: the highest counts, compared by code points.",
        examples=["2021-01-01T02:00:00.000000Z/000002/6f1c"],
    ),
    written_like(IDENTIFIER_PATTERN),
    BeforeValidator(read_identifier),
]
SupersededBy = Annotated[
    str | None,
    Field(
        description="The record's highest version, which counts instead; null where this is it.",
        examples=[None],
    ),
]
RECORD_FIELDS = ("record_id", "record_version")
"""The names of the fields that say of which version of a record an event is."""


class RecordEvent(MedicationEvent, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An event of one version of a record; only those of the highest version count.

    Two of them are the same where all eight fields are equal.
    """

    record_id: RecordId
    record_version: VersionOfRecord


class RecordVersion(Described, frozen=True, gc=False):
    """One version of a record, with all of its events: with none it takes the record back.

    What was reported under one version is one version, however many messages it came in.
    """

    record_id: RecordId
    record_version: VersionOfRecord
    events: Annotated[
        list[MedicationEvent], Field(description="The events that this version reports.")
    ]

    @property
    def size(self) -> int:
        """How much it is of what a message holds: as many as its events, and 1 without any."""
        return len(self.events) or 1


Report = MedicationEvent | RecordVersion
"""What a message reports: an event that stands for itself, or a version of a record."""

_RECORD_EVENT = TypeAdapter(RecordEvent)
_VERSION = TypeAdapter(RecordVersion)
_SOURCE = TypeAdapter(Identifier)


def explain_report(fields: object) -> Report:
    """Make a report of its fields, mended where that is certain.

    An event with the fields of a record is a version of it with that event.

    Raises:
        pydantic.ValidationError: they break the contract; ``reasons`` puts it into words.

    """
    if not isinstance(fields, Mapping) or not is_of_record(fields):
        return explain_event(fields)
    if "events" in fields:
        if any(name in fields for name in FIELDS):
            raise _refusal("stands beside the fields of an event: leave out either")
        return explain_version(fields)
    event = _RECORD_EVENT.validate_python(fields)
    own = MedicationEvent(*astuple(event)[: len(FIELDS)])
    return RecordVersion(event.record_id, event.record_version, [own])


def explain_version(fields: Mapping[str, object]) -> RecordVersion:
    """Make a version of a record with its list of events likewise."""
    listed = fields.get("events")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, Mapping) and (is_of_record(each) or "events" in each):
            raise _refusal("lists an event of a record of its own: they are of the one that lists")
    return _VERSION.validate_python(fields)


def _refusal(why: LiteralString) -> ValidationError:
    problem = PydanticCustomError("record", why)
    return ValidationError.from_exception_data(
        RecordVersion.__name__, [{"type": problem, "loc": ("events",), "input": None}]
    )


def checked_source(name: object) -> str:
    """Return the name of a source, which its records begin with, as it is written.

    Raises:
        ValueError: it can't be one.

    """
    try:
        source = _SOURCE.validate_python(name)
    except ValidationError as error:
        raise ValueError(reasons(error)) from None
    if "/" in source:
        raise ValueError("holds a slash, which parts it from the rest of a record_id")
    return source


def is_of_record(fields: Mapping[str, object]) -> bool:
    """Say whether fields name a record, or a version of one; an empty one is an absent one."""
    return any(not _is_absent(fields.get(name)) for name in RECORD_FIELDS)


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
