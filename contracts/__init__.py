"""What the services agree on: the event, the message that carries it, and RabbitMQ's topology."""

from contracts.event import (
    FIELDS,
    MAX_IDENTIFIER_CHARACTERS,
    Action,
    EventTime,
    Instant,
    MedicationEvent,
    MedicationName,
    PatientId,
    reasons,
)
from contracts.message import (
    MAX_EVENTS,
    MAX_MESSAGE_BYTES,
    CanonicalMessage,
    DeadLetter,
    MedicationEvents,
    ReadMessage,
    canonical_message,
    read_message,
)
from contracts.reading import explain_event, read_plain_event, read_written, write_message
from contracts.runs import RUN_HEADER, MessageHeaders, RunId, checked_run, run_of_message
from contracts.text import legible

__all__ = [
    "FIELDS",
    "MAX_EVENTS",
    "MAX_IDENTIFIER_CHARACTERS",
    "MAX_MESSAGE_BYTES",
    "RUN_HEADER",
    "Action",
    "CanonicalMessage",
    "DeadLetter",
    "EventTime",
    "Instant",
    "MedicationEvent",
    "MedicationEvents",
    "MedicationName",
    "MessageHeaders",
    "PatientId",
    "ReadMessage",
    "RunId",
    "canonical_message",
    "checked_run",
    "explain_event",
    "legible",
    "read_message",
    "read_plain_event",
    "read_written",
    "reasons",
    "run_of_message",
    "write_message",
]
