"""The message: what one delivery from RabbitMQ carries, and how it is read and written."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, from_json
from pydantic_core.core_schema import bytes_schema, json_or_python_schema

from contracts.event import MedicationEvent, reasons
from contracts.reading import explain_event, read_plain_events

MAX_EVENTS = 1_000
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Room for MAX_EVENTS events whose every character is written as an escape."""

_MAX_REASONS = 10
_FIRST_BYTES = 64 * 1024

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


_EVENT = TypeAdapter(MedicationEvent)
_EVENTS = TypeAdapter(list[MedicationEvent])


def read_message(body: bytes) -> ReadMessage:
    """Read a message body; what breaks the contract is told in words that repeat no content."""
    if len(body) > MAX_MESSAGE_BYTES:
        return ReadMessage([], f"{len(body)} bytes: a message holds up to {MAX_MESSAGE_BYTES}")
    events = read_plain_events(body)
    if events is None:
        return explain_message(body)
    return _too_many(events) or ReadMessage(events)


def explain_message(body: bytes) -> ReadMessage:
    """Read a body that need not be written plainly, or say what is wrong with it."""
    # Before pydantic, which tells what is wrong with each of millions of elements.
    if _begins_with_too_many(body):
        return _refused(f"more than {MAX_EVENTS}")
    elements = _list(body)
    if too_many := _too_many(elements):
        return too_many
    try:
        if body.lstrip()[:1] != b"[":
            return ReadMessage([_EVENT.validate_json(body)])
        return ReadMessage(_EVENTS.validate_json(body))
    except ValidationError as error:
        return _salvage(elements) if elements else ReadMessage([], reasons(error))


def _begins_with_too_many(body: bytes) -> bool:
    """Look for it in ever longer beginnings: millions take thirty times the memory of the body."""
    size = _FIRST_BYTES
    while size < len(body):
        if len(_list(body[:size], allow_partial=True)) > MAX_EVENTS:
            return True
        size *= 2
    return False


def _list(body: bytes, *, allow_partial: bool = False) -> Sequence[object]:
    try:
        found = from_json(body, allow_partial=allow_partial)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _too_many(events: Sequence[object]) -> ReadMessage | None:
    if len(events) <= MAX_EVENTS:
        return None
    return _refused(str(len(events)))


def _refused(events: str) -> ReadMessage:
    return ReadMessage([], f"a list of {events} events: a message holds up to {MAX_EVENTS}")


def _salvage(elements: Sequence[object]) -> ReadMessage:
    """Take the good events out of a list that holds bad ones too."""
    good: list[MedicationEvent] = []
    refusals = list(_sort_out(elements, good))
    more = f"; and {len(refusals) - _MAX_REASONS} more" if len(refusals) > _MAX_REASONS else ""
    return ReadMessage(good, "; ".join(refusals[:_MAX_REASONS]) + more)


def _sort_out(elements: Sequence[object], good: list[MedicationEvent]) -> Iterator[str]:
    for index, element in enumerate(elements):
        try:
            good.append(explain_event(element))
        except ValidationError as error:
            yield f"element {index}: {reasons(error)}"
