"""How the answers about periods are laid out."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import ClassVar

from consumer_app.queries import answers
from consumer_app.queries.answers import PeriodAnswer, period_answer, read_period, write_answer
from consumer_app.queries.csv_rows import HEADER, csv_rows
from consumer_app.queries.layout import Gathered, Layout, Lists
from consumer_app.queries.parameters import Format, PeriodsQuery
from consumer_app.queries.statement_search import StatementsQuery
from consumer_app.queries.statements import Statements
from consumer_app.recorded import FullEvent
from consumer_app.rules.periods import medication_periods
from contracts import MedicationEvent

Query = PeriodsQuery | StatementsQuery

_VARY = {"Vary": "Accept"}


class _Json:
    """The periods, the anomalies and, to explain, all events."""

    headers: ClassVar[Mapping[str, str]] = {"Content-Type": "application/json", **_VARY}

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
        **_VARY,
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


def layout_of(query: Query) -> Layout:
    """Find how the answer to a query is laid out: as JSON where nothing else is asked for."""
    if isinstance(query, StatementsQuery):
        return Statements(query, datetime.now(UTC))
    return _Csv(query) if query.format is Format.CSV else _Json(query)
