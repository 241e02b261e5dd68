"""An answer about many events, for which memory is needed for one medication at a time."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from consumer_app.queries.answers import (
    WRITTEN_AT_ONCE,
    PeriodAnswer,
    lists_of,
    names_of_lists,
    write_answer,
    write_lists,
)
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.recorded import FullEvent
from consumer_app.rules.periods import medication_periods
from consumer_app.storage.tables import microseconds
from contracts import MedicationEvent

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
    """The answer to a query, as ``answer_to`` gives it, from the medications one by one."""

    def __init__(self, query: PeriodsQuery) -> None:
        self._query = query
        self._file = sqlite3.connect(_SOMEWHERE)
        self._file.executescript(_SET_UP)

    def add(self, events: Sequence[MedicationEvent]) -> None:
        """Add all events of a medication; the medications come in any order."""
        for name, values in self._lists(events):
            rows = ((name, *_place(value), write_answer(value)) for value in values)
            self._file.executemany(_ADD, rows)

    def parts(self) -> Iterator[bytes]:
        """Yield the body, some at a time."""
        names = names_of_lists(explain=self._query.explain)
        return write_lists(self._query.patient_id, ((name, self._in_order(name)) for name in names))

    def close(self) -> None:
        """Give up the file."""
        self._file.close()

    def _lists(
        self, events: Sequence[MedicationEvent]
    ) -> Iterator[tuple[str, Iterable[PeriodAnswer | FullEvent]]]:
        found = medication_periods(events, self._query.merge_gap)
        return lists_of(found, self._query.chosen(found.periods), explain=self._query.explain)

    def _in_order(self, name: str) -> Iterator[bytes]:
        found = self._file.execute(_IN_ORDER, (name,))
        while rows := found.fetchmany(WRITTEN_AT_ONCE):
            yield b",".join(body for (body,) in rows)


def _place(value: PeriodAnswer | FullEvent) -> tuple[int, str]:
    time = value.start if isinstance(value, PeriodAnswer) else value.event_time
    return microseconds(time), value.medication_name
