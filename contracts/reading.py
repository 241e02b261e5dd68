"""Two readers of events that agree: a quick one, and one that explains what is wrong.

Nearly every event is written plainly: ASCII, single spaces, the time in UTC. msgspec reads lists of
such events in a fifth of the time (`make bench` measures it), and pydantic reads all others, as
they may have to be mended, or to be refused with the reason.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC

import msgspec
from pydantic import TypeAdapter

from contracts.event import MedicationEvent, is_in_years_of_events

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)

# At an end of a text, or behind another. One search takes a third of the time of one for each.
_SPACE_TOO_MANY = re.compile(r' (?:[ "]|(?<=" ))').search

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(MedicationEvent | list[MedicationEvent]).decode
_EVENT = TypeAdapter(MedicationEvent)


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


def explain_event(fields: object) -> MedicationEvent:
    """Make an event of its fields, mended where that is certain.

    Raises:
        pydantic.ValidationError: they break the contract; ``reasons`` puts it into words.

    """
    return _EVENT.validate_python(fields)


def write_message(events: Sequence[MedicationEvent]) -> bytes:
    """Write the body of a message: one event as itself, several as a list."""
    return _encode(events[0] if len(events) == 1 else events)


def read_written(body: bytes) -> list[MedicationEvent]:
    """Read what ``write_message`` has written, in a third of the time: it is not judged again."""
    read = _decode(body)
    return read if isinstance(read, list) else [read]


def read_plain_events(body: bytes) -> list[MedicationEvent] | None:
    """Read events that are written byte by byte as we write plain ones; None for all others."""
    try:
        events = read_written(body)
    except _UNREADABLE:
        return None
    is_ours = write_message(events) == body and _is_plain(body.decode())
    return events if is_ours and all(map(_is_timed, events)) else None


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
