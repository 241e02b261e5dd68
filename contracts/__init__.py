"""What the services agree on: the event, the message that carries it, and RabbitMQ's topology."""

from contracts.event import (
    Action,
    Event,
    EventId,
    EventTime,
    MedicationEvent,
    MedicationName,
    OrderId,
    PatientId,
    reasons,
)
from contracts.message import (
    MAX_EVENTS,
    MAX_MESSAGE_BYTES,
    EventMessage,
    Received,
    read_message,
    write_message,
)
from contracts.plain import PlainEvent, plain_event

__all__ = [
    "MAX_EVENTS",
    "MAX_MESSAGE_BYTES",
    "Action",
    "Event",
    "EventId",
    "EventMessage",
    "EventTime",
    "MedicationEvent",
    "MedicationName",
    "OrderId",
    "PatientId",
    "PlainEvent",
    "Received",
    "plain_event",
    "read_message",
    "reasons",
    "write_message",
]
