"""An answer about many events, for which memory is needed for one medication at a time."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime

from consumer_app.queries.answers import WRITTEN_AT_ONCE, PeriodAnswer
from consumer_app.queries.layout import Layout
from consumer_app.recorded import FullEvent
from consumer_app.storage.backend import Reports
from consumer_app.storage.tables import microseconds

# Without a name it is a file in the temporary folder, which is gone with the connection.
_SOMEWHERE = ""
_SET_UP = """
    PRAGMA cache_size = -4096;
    PRAGMA journal_mode = OFF;
    CREATE TABLE part (list TEXT, time INTEGER, medication TEXT, body BLOB);
"""
_ADD = "INSERT INTO part VALUES (?, ?, ?, ?)"
# Of one time and medication, as they came.
_IN_ORDER = "SELECT body FROM part WHERE list = ? ORDER BY time, medication, rowid"


class GatheredAnswer:
    """An answer as its layout gives it from all events, from the medications one by one."""

    def __init__(self, layout: Layout, newest: datetime | None) -> None:
        """``newest`` is when the newest report about the patient arrived, where that is told."""
        self._layout = layout
        self.newest = newest
        self._file = sqlite3.connect(_SOMEWHERE)
        self._file.executescript(_SET_UP)

    def add(self, reports: Reports) -> None:
        """Add all events of a medication; the medications come in any order."""
        for name, values in self._layout.lists(reports):
            rows = ((name, *_place(value), self._layout.write(value)) for value in values)
            self._file.executemany(_ADD, rows)

    def parts(self) -> Iterator[bytes]:
        """Yield the body, some at a time."""
        return self._layout.answer_gathered(self)

    def in_order(self, name: str) -> Iterator[Sequence[bytes]]:
        """Yield a list in the order of time, some at a time."""
        found = self._file.execute(_IN_ORDER, (name,))
        while rows := found.fetchmany(WRITTEN_AT_ONCE):
            yield [body for (body,) in rows]

    def close(self) -> None:
        """Give up the file."""
        self._file.close()


def _place(value: PeriodAnswer | FullEvent) -> tuple[int, str]:
    time = value.start if isinstance(value, PeriodAnswer) else value.event_time
    return microseconds(time), value.medication_name
