"""The message: what one delivery from RabbitMQ carries, and how it is read and written."""

from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple, cast

from pydantic import Field, RootModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from contracts.event import Event, MedicationEvent, reasons
from contracts.plain import PlainEvent, read_plain, write_plain

MAX_EVENTS = 1_000
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Room for MAX_EVENTS events whose every character is written as an escape."""

_MAX_REASONS = 10


class EventMessage(
    RootModel[MedicationEvent | Annotated[list[MedicationEvent], Field(max_length=MAX_EVENTS)]]
):
    """One event, or a list of up to 1,000 events."""

    @classmethod
    def of(cls, events: Sequence[Event]) -> "EventMessage":
        """Wrap events that are valid already, in whichever form."""
        return cls.model_construct(cast("list[MedicationEvent]", events))

    @property
    def events(self) -> Sequence[Event]:
        """The events, one or several."""
        return self.root if isinstance(self.root, list) else [self.root]


class Received(NamedTuple):
    """What a message body holds: the events that keep the contract, and why others do not."""

    events: list[PlainEvent]
    refusal: str | None = None


_EVENT = TypeAdapter(MedicationEvent)
_EVENTS = TypeAdapter(list[MedicationEvent])


def read_message(body: bytes) -> Received:
    """Read a message body; what breaks the contract is told in words that repeat no content."""
    if len(body) > MAX_MESSAGE_BYTES:
        return Received([], f"{len(body)} bytes: a message holds up to {MAX_MESSAGE_BYTES}")
    events = read_plain(body)
    if events is None:
        return _read_any(body)
    return _too_many(events) or Received(events)


def _read_any(body: bytes) -> Received:
    try:
        if body.lstrip()[:1] != b"[":
            return Received([PlainEvent.of(_EVENT.validate_json(body))])
        events = _EVENTS.validate_json(body)
    except ValidationError as error:
        return _salvage(body, error)
    return _too_many(events) or Received([PlainEvent.of(event) for event in events])


def _too_many(events: Sequence[object]) -> Received | None:
    if len(events) <= MAX_EVENTS:
        return None
    return Received([], f"a list of {len(events)} events: a message holds up to {MAX_EVENTS}")


def _salvage(body: bytes, error: ValidationError) -> Received:
    """Take the good events out of a list that holds bad ones too."""
    try:
        elements = from_json(body)
    except ValueError:
        return Received([], reasons(error))
    if not isinstance(elements, list):
        return Received([], reasons(error))
    if too_many := _too_many(elements):
        return too_many
    good: list[PlainEvent] = []
    refusals = list(_sort_out(elements, good))
    more = f"; and {len(refusals) - _MAX_REASONS} more" if len(refusals) > _MAX_REASONS else ""
    return Received(good, "; ".join(refusals[:_MAX_REASONS]) + more)


def _sort_out(elements: Sequence[object], good: list[PlainEvent]) -> Iterator[str]:
    for index, element in enumerate(elements):
        try:
            good.append(PlainEvent.of(_EVENT.validate_python(element)))
        except ValidationError as error:
            yield f"element {index}: {reasons(error)}"


def write_message(events: Sequence[PlainEvent]) -> bytes:
    """Write the body of a message: one event as itself, several as a list."""
    return write_plain(events)
