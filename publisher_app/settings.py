"""The publisher's settings."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from contracts import FIELDS, RECORD_FIELDS, checked_run, checked_source
from publisher_app.formats.profiles import Profile, read_profile
from publisher_app.formats.text import read_encoding
from publisher_app.formats.times import check_format, read_time
from runtime.settings import ServiceSettings
from runtime.zones import read_zone

Network = IPv4Network | IPv6Network

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
    return checked_source(value) if value else None


def read_profile_named(value: object) -> object:
    """Read a profile: a file, or one that is shipped.

    Raises:
        ValueError: it can't be used.

    """
    return read_profile(value) if isinstance(value, str) and value else value or None


def read_as_of(value: object) -> object:
    """Read a time with an offset; an empty one is none.

    Raises:
        ValueError: it is no such time.

    """
    if isinstance(value, str) and value:
        read_time(value, None)
    return value or None


def none_if_empty(value: object) -> object:
    """Take what is set to nothing as not set."""
    return None if value == "" else value


def read_networks(value: object) -> object:
    """Read addresses and networks, such as ``10.0.0.7,10.1.0.0/16``, parted by commas.

    Raises:
        ValueError: one is none.

    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        return value
    try:
        return [ip_network(str(each).strip()) for each in parts if str(each).strip()]
    except ValueError:
        words = "is no address or network: write it like 10.0.0.7 or 10.1.0.0/16"
        raise ValueError(words) from None


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

    input: Annotated[str | None, BeforeValidator(none_if_empty)] = None
    """A file that the service publishes at its start; ``-`` is standard input."""
    folder: Annotated[Path | None, BeforeValidator(none_if_empty)] = None
    """A folder that the service watches: it publishes each file that falls into it."""
    folder_polling: bool = False
    """Whether the folder is looked through again and again, as network file systems need it."""
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
    profile: Annotated[Profile | None, NoDecode, BeforeValidator(read_profile_named)] = None
    """How the tables, resources and messages of a source are read: a file, or the name of one that
    is shipped (docs/formats.md). Posted events are read by their own names all the same."""
    source: Annotated[str | None, BeforeValidator(read_source)] = None
    """What the records of FHIR's resources and HL7's messages begin with: the name of the system
    that they come from, by default ``fhir`` and ``hl7``. One for each, where several feed one
    store."""
    as_of: Annotated[str | None, BeforeValidator(read_as_of)] = None
    """When an export was, with its offset: it is when what a bulk export of FHIR calls deleted was,
    and what ranks rows where a profile says so (as-of)."""
    rejects: Annotated[Path | None, BeforeValidator(none_if_empty)] = None
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
    mllp_port: Annotated[
        Annotated[int, Field(ge=1, le=65535)] | None, BeforeValidator(none_if_empty)
    ] = None
    """The port on which HL7 v2 is taken by MLLP; without one it is not."""
    mllp_allow: Annotated[list[Network], NoDecode, BeforeValidator(read_networks)] = Field(
        default=[]
    )
    """The addresses of its senders, or their networks. Without any, this machine's alone, unless
    client certificates are asked for."""
    mllp_tls_certificate: Annotated[Path | None, BeforeValidator(none_if_empty)] = None
    """With its key it makes MLLP encrypted; a new certificate is taken within a minute."""
    mllp_tls_key: Annotated[Path | None, BeforeValidator(none_if_empty)] = None
    mllp_tls_client_authority: Annotated[Path | None, BeforeValidator(none_if_empty)] = None
    """Senders by MLLP need a certificate of this authority."""
    try_it_out: bool = False
    """Whether the AsyncAPI page can publish messages."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def encoding_of_files(self) -> str | None:
        """The encoding of files: as it is set, else as the profile has it."""
        table = self.profile.table if self.profile else None
        return self.encoding or (table.encoding if table else None)

    @property
    def lines_to_skip(self) -> int:
        """The lines above a file's header, likewise."""
        table = self.profile.table if self.profile else None
        return self.skip_lines or (table.skip_lines if table else 0)

    @model_validator(mode="after")
    def _check_mllp(self) -> Self:
        certificate, key = self.mllp_tls_certificate, self.mllp_tls_key
        if (certificate is None) != (key is None):
            raise ValueError(
                "PUBLISHER_MLLP_TLS_CERTIFICATE and PUBLISHER_MLLP_TLS_KEY need each other"
            )
        if self.mllp_tls_client_authority is not None and certificate is None:
            raise ValueError(
                "PUBLISHER_MLLP_TLS_CLIENT_AUTHORITY needs PUBLISHER_MLLP_TLS_CERTIFICATE"
            )
        return self
