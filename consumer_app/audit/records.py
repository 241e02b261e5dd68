"""A record: one answer about a patient, or one command of an operator, as a line of JSON."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

READ = "read"
REFRESH = "refresh"
"""A page has asked again by itself what somebody had asked it for."""
COMMAND = "command"


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who has asked for what, and what came of it; what is not known, or not so, is left out."""

    time: str
    """In UTC, with microseconds: as texts, times are in their order."""
    kind: str
    """READ, REFRESH or COMMAND."""
    outcome: int | None = None
    """The status of the answer. A command is recorded before it has any."""
    subject: str | None = None
    """The person, program or token; of a command, the user of the operating system."""
    client: str | None = None
    """The program through which a person asks."""
    token: str | None = None
    """What tells the token from others of the subject."""
    address: str | None = None
    """Where the request comes from."""
    server: str
    """The name of the machine that answers, or on which the command is given."""
    method: str | None = None
    route: str | None = None
    """The template of the route, or the command."""
    patient: str | None = None
    parameters: Mapping[str, Sequence[str]] = {}
    """What else was asked for: medications and filters, or the options of a command."""
    request_id: str | None = None


def now() -> str:
    """Tell the time, as records have it."""
    return time_of_record(datetime.now(UTC))


def time_of_record(time: datetime) -> str:
    """Write a time of UTC as records have it."""
    return f"{time.isoformat(timespec='microseconds')[:-6]}Z"


# Behind an escaped backslash, u0000 is text.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_write = msgspec.json.Encoder().encode
read_record = msgspec.json.Decoder(Record).decode
"""Reads a record. Raises msgspec.DecodeError where it is none."""


def write_record(record: Record) -> bytes:
    """Write a record, as it is kept and as its code is computed."""
    # PostgreSQL's json holds it, but nothing of a line that has it can be looked up.
    return _NUL.sub(rb"\1\\ufffd", _write(record))
