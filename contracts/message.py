"""The message: what one delivery from RabbitMQ carries, and how it is read and written."""

from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, RootModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from contracts.event import MedicationEvent, reasons

MAX_EVENTS = 1_000
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Room for MAX_EVENTS events whose every character is written as an escape."""

_MAX_REASONS = 10


class EventMessage(
    RootModel[MedicationEvent | Annotated[list[MedicationEvent], Field(max_length=MAX_EVENTS)]]
):
    """One event, or a list of up to 1,000 events."""

    @classmethod
    def of(cls, events: list[MedicationEvent]) -> "EventMessage":
        """Wrap events that are valid already."""
        return cls.model_construct(events[0] if len(events) == 1 else events)

    @property
    def events(self) -> list[MedicationEvent]:
        """The events, whichever form carries them."""
        return [self.root] if isinstance(self.root, MedicationEvent) else self.root


class Received(NamedTuple):
    """What a message body holds: the events that keep the contract, and why others do not."""

    events: list[MedicationEvent]
    refusal: str | None = None


_EVENT = TypeAdapter(MedicationEvent)
_EVENTS = TypeAdapter(list[MedicationEvent])


def read_message(body: bytes) -> Received:
    """Read a message body; what breaks the contract is told in words that repeat no content."""
    if len(body) > MAX_MESSAGE_BYTES:
        return Received([], f"{len(body)} bytes: a message holds up to {MAX_MESSAGE_BYTES}")
    try:
        if body.lstrip()[:1] != b"[":
            return Received([_EVENT.validate_json(body)])
        events = _EVENTS.validate_json(body)
    except ValidationError as error:
        return _salvage(body, error)
    return _within_limit(events)


def _within_limit(events: list[MedicationEvent]) -> Received:
    if len(events) > MAX_EVENTS:
        return Received([], f"a list of {len(events)} events: a message holds up to {MAX_EVENTS}")
    return Received(events)


def _salvage(body: bytes, error: ValidationError) -> Received:
    """Take the good events out of a list that holds bad ones too."""
    try:
        elements = from_json(body)
    except ValueError:
        return Received([], reasons(error))
    if not isinstance(elements, list):
        return Received([], reasons(error))
    if len(elements) > MAX_EVENTS:
        return _within_limit(elements)
    good: list[MedicationEvent] = []
    refusals = list(_sort_out(elements, good))
    more = f"; and {len(refusals) - _MAX_REASONS} more" if len(refusals) > _MAX_REASONS else ""
    return Received(good, "; ".join(refusals[:_MAX_REASONS]) + more)


def _sort_out(elements: Sequence[object], good: list[MedicationEvent]) -> Iterator[str]:
    for index, element in enumerate(elements):
        try:
            good.append(_EVENT.validate_python(element))
        except ValidationError as error:
            yield f"element {index}: {reasons(error)}"


def write_message(events: list[MedicationEvent]) -> bytes:
    """Write the body of a message: one event as itself, several as a list."""
    if len(events) == 1:
        return _EVENT.dump_json(events[0], exclude_none=True)
    return _EVENTS.dump_json(events, exclude_none=True)
