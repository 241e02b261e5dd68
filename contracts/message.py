"""The message: what one delivery from RabbitMQ carries, and how it is read and written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema
from pydantic_core.core_schema import bytes_schema, json_or_python_schema

from contracts.elements import Elements, NotJson, fields_of
from contracts.event import MedicationEvent, reasons
from contracts.reading import explain_event, read_plain_events, write_message

MAX_EVENTS = 1_000
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Room for MAX_EVENTS events whose every character is written as an escape."""

_MAX_REASONS = 10

_Events = MedicationEvent | Annotated[list[MedicationEvent], Field(max_length=MAX_EVENTS)]


class _DocumentedAs:
    """Lets bytes be documented as the JSON that they hold, and pass unread."""

    def __init__(self, content: object) -> None:
        self._content = content

    def __get_pydantic_core_schema__(self, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return json_or_python_schema(handler.generate_schema(self._content), bytes_schema())


MedicationEvents = Annotated[
    bytes,
    _DocumentedAs(_Events),
    Field(
        title="MedicationEvents",
        description=f"One event, or a list of up to {MAX_EVENTS:,} events.",
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
    """What a message body holds: the events that keep the contract, and why others do not."""

    events: list[MedicationEvent]
    refusal: str | None = None


class CanonicalMessage(NamedTuple):
    """The same, with the events as ``write_message`` writes them, and their number."""

    written: bytes
    events: int
    refusal: str | None = None


# A few more, as it is worth to be told by how many somebody missed.
_elements = Elements(2 * MAX_EVENTS)


def read_message(body: bytes) -> ReadMessage:
    """Read a message body; what breaks the contract is told in words that repeat no content."""
    return _read_plain(body) or explain_message(body)


def canonical_message(body: bytes) -> CanonicalMessage:
    """Read a message body likewise; where nothing had to be mended, ``written`` is the body."""
    if plain := _read_plain(body):
        return CanonicalMessage(body, len(plain.events), plain.refusal)
    events, refusal = explain_message(body)
    return CanonicalMessage(write_message(events), len(events), refusal)


def _read_plain(body: bytes) -> ReadMessage | None:
    """Read a message that is written plainly, or is too large to be read at all."""
    if len(body) > MAX_MESSAGE_BYTES:
        return ReadMessage([], f"{len(body)} bytes: a message holds up to {MAX_MESSAGE_BYTES}")
    events = read_plain_events(body)
    return None if events is None else _too_many(events) or ReadMessage(events)


def explain_message(body: bytes) -> ReadMessage:
    """Read a body that need not be written plainly, or say what is wrong with it."""
    try:
        elements = _elements.of(body)
        if elements is None:
            return _explain_event(fields_of(body))
        return _too_many(elements) or _explain_events(elements)
    except NotJson as error:
        return ReadMessage([], f"Invalid JSON: {error}")


def _too_many(events: Sequence[object]) -> ReadMessage | None:
    if len(events) <= MAX_EVENTS:
        return None
    count = len(events) if len(events) < 2 * MAX_EVENTS else f"more than {MAX_EVENTS}"
    return ReadMessage([], f"a list of {count} events: a message holds up to {MAX_EVENTS}")


def _explain_event(fields: Mapping[str, object] | None) -> ReadMessage:
    if fields is None:
        return ReadMessage([], "Input should be an object")
    try:
        return ReadMessage([explain_event(fields)])
    except ValidationError as error:
        return ReadMessage([], reasons(error))


def _explain_events(elements: Iterable[bytes]) -> ReadMessage:
    """Take the good events out of a list that may hold bad ones too."""
    good: list[MedicationEvent] = []
    refusals = list(_sort_out(elements, good))
    if not refusals:
        return ReadMessage(good)
    more = f"; and {len(refusals) - _MAX_REASONS} more" if len(refusals) > _MAX_REASONS else ""
    return ReadMessage(good, "; ".join(refusals[:_MAX_REASONS]) + more)


def _sort_out(elements: Iterable[bytes], good: list[MedicationEvent]) -> Iterator[str]:
    for index, element in enumerate(elements):
        try:
            good.append(explain_event(fields_of(element)))
        except ValidationError as error:
            yield f"element {index}: {reasons(error)}"
