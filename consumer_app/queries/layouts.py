"""How the answers about periods are laid out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import ClassVar, NamedTuple

from consumer_app.queries import answers
from consumer_app.queries.answers import (
    PeriodAnswer,
    WrittenLists,
    period_answer,
    read_period,
    write_answer,
)
from consumer_app.queries.csv_rows import HEADER, csv_rows
from consumer_app.queries.layout import Gathered, Layout, Lists
from consumer_app.queries.parameters import Format, PeriodsQuery
from consumer_app.queries.statement_search import StatementsQuery
from consumer_app.queries.statements import Statements
from consumer_app.recorded import FullEvent
from consumer_app.rules.doubts import doubts
from consumer_app.rules.periods import MedicationPeriods, Reason, medication_periods
from consumer_app.storage.backend import Reports
from contracts import MedicationEvent

Query = PeriodsQuery | StatementsQuery


class AsOf(NamedTuple):
    """As of when is answered, and for how long nothing may be reported on an order that goes on."""

    now: datetime
    quiet: timedelta


_VARY = {"Vary": "Accept"}


class _Json:
    """The periods, the anomalies and, to explain, all events."""

    headers: ClassVar[Mapping[str, str]] = {"Content-Type": "application/json", **_VARY}
    needs_arrivals: ClassVar[bool] = False

    def __init__(self, query: PeriodsQuery) -> None:
        self._query = query

    def answer(self, reports: Reports) -> Iterator[bytes]:
        return answers.answer_to(self._query, reports.events)

    def lists(self, reports: Reports) -> Lists:
        found = medication_periods(reports.events, self._query.merge_gap)
        periods = self._query.chosen(found.periods)
        return answers.lists_of(found, periods, explain=self._query.explain)

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        return write_answer(value)

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        return answers.write_lists({"patient_id": self._query.patient_id}, self._lists(gathered))

    def _lists(self, gathered: Gathered) -> WrittenLists:
        names = answers.names_of_lists(explain=self._query.explain)
        return ((name, map(b",".join, gathered.in_order(name))) for name in names)


class _Doubtful(_Json):
    """The same, with what deserves a second look as of an instant."""

    needs_arrivals: ClassVar[bool] = True

    def __init__(self, query: PeriodsQuery, as_of: AsOf) -> None:
        super().__init__(query)
        self._as_of = as_of
        self._reasons: Counter[Reason] = Counter()
        """Of the events without effect in all lists that were gathered so far."""

    def answer(self, reports: Reports) -> Iterator[bytes]:
        found = medication_periods(reports.events, self._query.merge_gap)
        lists = answers.written(self._lists_of(found, reports))
        return self._whole(reports.newest, lists, _reasons(found))

    def lists(self, reports: Reports) -> Lists:
        found = medication_periods(reports.events, self._query.merge_gap)
        self._reasons += _reasons(found)
        return self._lists_of(found, reports)

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        return self._whole(gathered.newest, self._lists(gathered), self._reasons)

    def _lists_of(self, found: MedicationPeriods, reports: Reports) -> Lists:
        of_each = doubts(found, *self._as_of, reports.arrivals)
        told = zip(found.periods, of_each, strict=True)
        chosen = [(period, each) for period, each in told if self._query.chooses(period)]
        periods, doubtful = (period for period, _ in chosen), (each for _, each in chosen)
        return answers.lists_of(found, periods, doubtful, explain=self._query.explain)

    def _whole(
        self, newest: datetime | None, lists: WrittenLists, reasons: Counter[Reason]
    ) -> Iterator[bytes]:
        facts = {"patient_id": self._query.patient_id, "last_received_at": newest}
        counted = answers.written([("without_effect", answers.without_effect(reasons))])
        return answers.write_lists(facts, chain(lists, counted))


def _reasons(found: MedicationPeriods) -> Counter[Reason]:
    return Counter(anomaly.reason for anomaly in found.anomalies)


class _Csv:
    """The periods alone, a row for each."""

    headers: ClassVar[Mapping[str, str]] = {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        # Who keeps the file tells by its folder whose it is: a name is seen by many programs.
        "Content-Disposition": 'attachment; filename="periods.csv"',
        **_VARY,
    }
    needs_arrivals: ClassVar[bool] = False

    def __init__(self, query: PeriodsQuery) -> None:
        self._query = query

    def answer(self, reports: Reports) -> Iterator[bytes]:
        yield HEADER
        yield csv_rows(self._query.patient_id, self._periods(reports.events))

    def lists(self, reports: Reports) -> Lists:
        yield "periods", self._periods(reports.events)

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        return write_answer(value)

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        yield HEADER
        for periods in gathered.in_order("periods"):
            yield csv_rows(self._query.patient_id, map(read_period, periods))

    def _periods(self, events: Iterable[MedicationEvent]) -> Iterator[PeriodAnswer]:
        found = medication_periods(events, self._query.merge_gap)
        return map(period_answer, self._query.chosen(found.periods))


def layout_of(query: Query, as_of: AsOf) -> Layout:
    """Find how the answer to a query is laid out: as JSON where nothing else is asked for."""
    if isinstance(query, StatementsQuery):
        return Statements(query, as_of.now)
    if query.doubts:
        return _Doubtful(query, as_of)
    return _Csv(query) if query.format is Format.CSV else _Json(query)
