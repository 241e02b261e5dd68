"""The quick reader of events; it agrees with pydantic's, which explains what is wrong.

Nearly every event is written plainly: ASCII, single spaces, the time in UTC. msgspec reads lists of
such events in a fifth of the time (`make bench` measures it), and pydantic reads all others, as
they may have to be mended, or to be refused with the reason.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from itertools import chain

import msgspec

from contracts.event import MedicationEvent, is_in_years_of_events
from contracts.records import RecordVersion, Report

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)

# At an end of a text, or behind another. One search takes a third of the time of one for each.
_SPACE_TOO_MANY = re.compile(r' (?:[ "]|(?<=" ))').search

# With which field they begin shows of which kind they are, as msgspec can't.
_VERSIONS = (b'{"record_id":', b'[{"record_id":')

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(MedicationEvent | list[MedicationEvent]).decode
_decode_versions = msgspec.json.Decoder(RecordVersion | list[RecordVersion]).decode


def read_plain_event(fields: Mapping[str, object]) -> MedicationEvent | None:
    """Make an event of fields that are plain; None when any of them is not, or is wrong."""
    try:
        event = msgspec.convert(fields, MedicationEvent)
        written = _encode(event).decode()
    except _UNREADABLE:
        return None
    # A time that is written again as it was is in our own form and has lost no digit.
    same_time = f'"event_time":"{fields["event_time"]}"' in written
    return event if same_time and _is_plain(written) and _is_timed(event) else None


def write_message(reports: Sequence[Report]) -> bytes:
    """Write the body of a message: one report as itself, several as a list."""
    return _encode(reports[0] if len(reports) == 1 else reports)


NO_REPORTS = write_message([])


def read_written(body: bytes) -> list[MedicationEvent]:
    """Read events as ``write_message`` has written them, in a third of the time: unjudged."""
    read = _decode(body)
    return read if isinstance(read, list) else [read]


def read_written_versions(body: bytes) -> list[RecordVersion]:
    """Read versions of records likewise."""
    read = _decode_versions(body)
    return read if isinstance(read, list) else [read]


def read_plain(body: bytes) -> Sequence[Report] | None:
    """Read reports that are written byte by byte as we write plain ones; None for all others.

    All of them are events, or all are versions of records: a mixture takes longer to read.
    """
    reports: Sequence[Report]
    try:
        if is_of_versions(body):
            reports = versions = read_written_versions(body)
            events: Iterable[MedicationEvent] = chain.from_iterable(
                version.events for version in versions
            )
        else:
            reports = events = read_written(body)
    except _UNREADABLE:
        return None
    is_ours = write_message(reports) == body and _is_plain(body.decode())
    return reports if is_ours and all(map(_is_timed, events)) else None


def is_of_versions(written: bytes) -> bool:
    """Say whether what ``write_message`` has written begins with a version of a record."""
    return written.startswith(_VERSIONS)


def _is_plain(written: str) -> bool:
    """Say whether texts are ASCII, no space too many, of JSON without spaces of its own."""
    return (
        written.isascii()
        and "\\" not in written  # as control characters and quotes are written
        and "\x7f" not in written
        and not _SPACE_TOO_MANY(written)
    )


def _is_timed(event: MedicationEvent) -> bool:
    time = event.event_time
    return time.tzinfo is UTC and is_in_years_of_events(time)
