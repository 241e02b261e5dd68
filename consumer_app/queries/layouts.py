"""How answers are laid out: from all events of a patient, or from the medications one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

from consumer_app.queries import answers
from consumer_app.queries.answers import PeriodAnswer, period_answer, read_period, write_answer
from consumer_app.queries.csv_rows import HEADER, csv_rows
from consumer_app.queries.parameters import Format, PeriodsQuery
from consumer_app.recorded import FullEvent
from consumer_app.rules.periods import medication_periods
from contracts import MedicationEvent

Lists = Iterable[tuple[str, Iterable[PeriodAnswer | FullEvent]]]
"""The lists of an answer by their names, each in the order of time."""


class Gathered(Protocol):
    """The lists of an answer, gathered from the medications: each value as it is written."""

    def in_order(self, name: str) -> Iterator[Sequence[bytes]]:
        """Yield a list in the order of time, some at a time."""


class Layout(Protocol):
    """Lays out the answer to a query."""

    headers: ClassVar[Mapping[str, str]]

    def answer(self, events: Iterable[MedicationEvent]) -> Iterator[bytes]:
        """Answer from all events; of the body, some at a time."""

    def lists(self, events: Iterable[MedicationEvent]) -> Lists:
        """Yield what the answer has of a medication, from all events of it."""

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        """Write what ``lists`` yields, as it is gathered."""

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        """Answer from what was gathered; of the body, some at a time."""


class _Json:
    """The periods, the anomalies and, to explain, all events."""

    headers: ClassVar[Mapping[str, str]] = {"Content-Type": "application/json"}

    def __init__(self, query: PeriodsQuery) -> None:
        self._query = query

    def answer(self, events: Iterable[MedicationEvent]) -> Iterator[bytes]:
        return answers.answer_to(self._query, events)

    def lists(self, events: Iterable[MedicationEvent]) -> Lists:
        found = medication_periods(events, self._query.merge_gap)
        periods = self._query.chosen(found.periods)
        return answers.lists_of(found, periods, explain=self._query.explain)

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        return write_answer(value)

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        names = answers.names_of_lists(explain=self._query.explain)
        lists = ((name, map(b",".join, gathered.in_order(name))) for name in names)
        return answers.write_lists(self._query.patient_id, lists)


class _Csv:
    """The periods alone, a row for each."""

    headers: ClassVar[Mapping[str, str]] = {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        # Who keeps the file tells by its folder whose it is: a name is seen by many programs.
        "Content-Disposition": 'attachment; filename="periods.csv"',
    }

    def __init__(self, query: PeriodsQuery) -> None:
        self._query = query

    def answer(self, events: Iterable[MedicationEvent]) -> Iterator[bytes]:
        yield HEADER
        yield csv_rows(self._query.patient_id, self._periods(events))

    def lists(self, events: Iterable[MedicationEvent]) -> Lists:
        yield "periods", self._periods(events)

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        return write_answer(value)

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        yield HEADER
        for periods in gathered.in_order("periods"):
            yield csv_rows(self._query.patient_id, map(read_period, periods))

    def _periods(self, events: Iterable[MedicationEvent]) -> Iterator[PeriodAnswer]:
        found = medication_periods(events, self._query.merge_gap)
        return map(period_answer, self._query.chosen(found.periods))


def layout_of(query: PeriodsQuery) -> Layout:
    """Find how the answer to a query is laid out: as JSON where nothing else is asked for."""
    return _Csv(query) if query.format is Format.CSV else _Json(query)
