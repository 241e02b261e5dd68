"""What the services agree on: the event, the message that carries it, and RabbitMQ's topology."""

from contracts.event import (
    FIELDS,
    Action,
    EventTime,
    MedicationEvent,
    MedicationName,
    PatientId,
    reasons,
)
from contracts.message import (
    MAX_EVENTS,
    MAX_MESSAGE_BYTES,
    DeadLetter,
    MedicationEvents,
    ReadMessage,
    read_message,
)
from contracts.reading import explain_event, read_plain_event, write_message

__all__ = [
    "FIELDS",
    "MAX_EVENTS",
    "MAX_MESSAGE_BYTES",
    "Action",
    "DeadLetter",
    "EventTime",
    "MedicationEvent",
    "MedicationEvents",
    "MedicationName",
    "PatientId",
    "ReadMessage",
    "explain_event",
    "read_message",
    "read_plain_event",
    "reasons",
    "write_message",
]
