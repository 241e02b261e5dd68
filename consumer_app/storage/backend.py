"""The direct way to a database's driver, for the two statements that nearly all time goes to.

Each is one trip to the database, where SQLAlchemy makes up to eight of them to the thread of a
SQLite connection. All other statements go through SQLAlchemy.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from contracts import Action, Event

DRIVER_ERRORS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)

INSERT = (
    "INSERT INTO medication_event"
    " (patient_id, medication_name, event_time, action, order_id, event_id, received_at)"
)
Row = tuple[Any, ...]
"""The columns above, the key first."""


class DirectDatabase(Protocol):
    """The events' table, at one trip a call; raises DRIVER_ERRORS or what SQLAlchemy does."""

    def rows(self, events: Iterable[Event], received_at: datetime) -> list[Row]:
        """Write events as rows."""

    async def insert(self, rows: Sequence[Row]) -> None:
        """Store rows durably; those that are there already stay as they are."""

    async def events_of(
        self, patient_id: str, medication_names: Collection[str]
    ) -> Sequence[Event]:
        """Read a patient's events, of all medications or of those named, in no set order."""

    async def close(self) -> None:
        """Give up what is held open."""


# Looking a member's word up in its class takes longer than all else that is done with a row.
_WORDS = {action: action.value for action in Action}


def row(event: Event, event_time: object, received_at: object) -> Row:
    """Write an event as a row, the times as the driver takes them."""
    return (
        event.patient_id,
        event.medication_name,
        event_time,
        _WORDS[event.action],
        event.order_id or "",
        event.event_id or "",
        received_at,
    )
