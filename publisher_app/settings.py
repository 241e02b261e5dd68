"""The publisher's settings."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from contracts import FIELDS, RECORD_FIELDS, checked_run, checked_source
from publisher_app.formats.times import check_format, read_time
from runtime.settings import ServiceSettings

_FIELDS = (*FIELDS, *RECORD_FIELDS)


def read_columns(value: object) -> object:
    """Read ``field=column`` pairs, such as ``patient_id=MRN``, parted by commas or in a list.

    Raises:
        ValueError: a pair is not one, or names no field of an event, or another column of one.

    """
    pairs = value.split(",") if isinstance(value, str) else value
    if not isinstance(pairs, list):
        return value
    columns: dict[str, str] = {}
    for pair in filter(None, pairs):
        field, _, column = (part.strip() for part in str(pair).partition("="))
        if field not in _FIELDS or not column:
            fields = ", ".join(_FIELDS)
            raise ValueError(f"write FIELD=COLUMN, such as patient_id=MRN; the fields are {fields}")
        if columns.setdefault(field, column) != column:
            raise ValueError(f"names two columns for {field}")
    return columns


def read_zone(value: object) -> object:
    """Read the name of a time zone.

    Raises:
        ValueError: there is no such zone.

    """
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no known time zone: write it like Europe/Berlin") from None


def read_run(value: object) -> object:
    """Read the name of a run.

    Raises:
        ValueError: it can't be one.

    """
    return value if value is None else checked_run(value)


def read_source(value: object) -> object:
    """Read the name of a source.

    Raises:
        ValueError: it can't be one.

    """
    return value if value is None else checked_source(value)


def read_as_of(value: object) -> object:
    """Read a time with an offset; an empty one is none.

    Raises:
        ValueError: it is no such time.

    """
    if isinstance(value, str) and value:
        read_time(value, None)
    return value or None


def read_encoding(value: object) -> object:
    """Read the name of a text encoding.

    Raises:
        ValueError: there is no such encoding.

    """
    if isinstance(value, str):
        try:
            "".encode(value)
        except (LookupError, ValueError):
            raise ValueError("is no known encoding: write it like windows-1252") from None
    return value


def read_formats(value: object) -> object:
    """Read formats of times, such as ``%d.%m.%Y %H:%M``, parted by ``|`` or in a list.

    Raises:
        ValueError: one is not a format of a day and time.

    """
    formats = value.split("|") if isinstance(value, str) else value
    if not isinstance(formats, list):
        return value
    formats = [str(each) for each in formats if each]
    for each in formats:
        try:
            check_format(each)
        except ValueError as error:
            raise ValueError(f"{each!r} {error}; write it like '%d.%m.%Y %H:%M'") from None
    return formats


class PublisherSettings(ServiceSettings):
    """Read from the environment: RABBITMQ_URL, and PUBLISHER_… for the rest."""

    model_config = SettingsConfigDict(env_prefix="PUBLISHER_", arbitrary_types_allowed=True)

    input: str | None = None
    """A file that the service publishes at its start; ``-`` is standard input."""
    map: Annotated[dict[str, str], NoDecode, BeforeValidator(read_columns)] = Field(default={})
    """The columns that hold the fields of an event, where they have other names."""
    timezone: Annotated[ZoneInfo | None, BeforeValidator(read_zone)] = None
    """The zone of times without an offset; without it they are rejected."""
    encoding: Annotated[str | None, BeforeValidator(read_encoding)] = None
    """The encoding of an input file that is not UTF-8."""
    skip_lines: Annotated[int, Field(ge=0)] = 0
    """Lines that stand above the header of an input file, and are no part of it."""
    time_format: Annotated[list[str], NoDecode, BeforeValidator(read_formats)] = Field(default=[])
    """How times are written that are neither ISO 8601 nor HL7's digits."""
    source: Annotated[str, BeforeValidator(read_source)] = "fhir"
    """What the records of FHIR's resources, and other versions of records, begin with: the name of
    the system that they come from. One for each, where several feed one store."""
    as_of: Annotated[str | None, BeforeValidator(read_as_of)] = None
    """When what a bulk export of FHIR calls deleted was: the export's time, with its offset."""
    rejects: Path | None = None
    """Where rejected rows go; by default beside the input."""
    run: Annotated[str | None, BeforeValidator(read_run)] = None
    """The run that an input file is; by default its name, size and time of change. A request names
    its own, or belongs to none."""
    batch_size: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    """Events in a message at most; fewer where they are more than a megabyte."""
    window: Annotated[int, Field(ge=1, le=1_000)] = 16
    """Messages that wait for RabbitMQ's confirmation at once."""
    give_up_after: Annotated[float, Field(gt=0)] = 30.0
    """Seconds for which a message is tried again before the publisher gives up."""
    max_body_bytes: Annotated[int, Field(ge=1)] = 16 * 1024 * 1024
    """What one HTTP request may carry, packed and unpacked."""
    max_elements: Annotated[int, Field(ge=1)] = 10_000
    """Elements that one HTTP request may hold, whether they are events or not."""
    body_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """Seconds within which the body of an HTTP request must have come."""
    try_it_out: bool = False
    """Whether the AsyncAPI page can publish messages."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
