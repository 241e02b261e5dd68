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
from contracts.runs import (
    MAX_RUN_CHARACTERS,
    RUN_HEADER,
    MessageHeaders,
    RunId,
    checked_run,
    read_run,
)

__all__ = [
    "FIELDS",
    "MAX_EVENTS",
    "MAX_MESSAGE_BYTES",
    "MAX_RUN_CHARACTERS",
    "RUN_HEADER",
    "Action",
    "DeadLetter",
    "EventTime",
    "MedicationEvent",
    "MedicationEvents",
    "MedicationName",
    "MessageHeaders",
    "PatientId",
    "ReadMessage",
    "RunId",
    "checked_run",
    "explain_event",
    "read_message",
    "read_plain_event",
    "read_run",
    "reasons",
    "write_message",
]
