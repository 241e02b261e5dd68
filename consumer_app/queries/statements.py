"""Periods as FHIR's MedicationStatements (R4), in a Bundle.

https://hl7.org/fhir/R4/medicationstatement.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

import msgspec

from consumer_app.queries.answers import PeriodAnswer, period_answer, read_period, write_answer
from consumer_app.queries.layout import Gathered, Lists
from consumer_app.queries.statement_search import Place, StatementsQuery, folded
from consumer_app.recorded import FullEvent
from consumer_app.rules.periods import medication_periods
from consumer_app.storage.backend import Reports
from contracts import MedicationEvent
from runtime.http.fhir import FHIR_JSON

_NEVER = datetime.max.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
"""What FHIR lets an id be written like."""


class Statements:
    """The statements that a search finds, a page of them."""

    headers: ClassVar[Mapping[str, str]] = {"Content-Type": FHIR_JSON}
    needs_arrivals: ClassVar[bool] = False

    def __init__(self, query: StatementsQuery, now: datetime) -> None:
        """``now`` tells what is still to come from what is."""
        self._query = query
        self._now = now

    def answer(self, reports: Reports) -> Iterator[bytes]:
        """Answer from all events."""
        yield write_answer(self._bundle(self._found(reports.events)))

    def lists(self, reports: Reports) -> Lists:
        """Yield the periods of a medication that are found."""
        yield "periods", self._found(reports.events)

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        """Write a period, as it is gathered."""
        return write_answer(value)

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        """Answer from the periods of all medications."""
        found = (read_period(body) for some in gathered.in_order("periods") for body in some)
        yield write_answer(self._bundle(found))

    def _found(self, events: Iterable[MedicationEvent]) -> Iterator[PeriodAnswer]:
        periods = map(period_answer, medication_periods(events).periods)
        return (period for period in periods if self._fits(period))

    def _fits(self, period: PeriodAnswer) -> bool:
        query = self._query
        start, end = _extent(period)
        name = folded(period.medication_name) if query.names else ""
        return (
            all(any(date.fits(start, end) for date in dates) for dates in query.effective)
            and all(status_of(period, self._now) in wanted for wanted in query.status)
            and all(name.startswith(beginnings) for beginnings in query.names)
            and all(id_of(query.patient_id, period) in ids for ids in query.ids)
        )

    def _bundle(self, found: Iterable[PeriodAnswer]) -> Mapping[str, Any]:
        query, total, has_more = self._query, 0, False
        page: list[PeriodAnswer] = []
        for period in found:
            total += 1
            if query.after is None or _place_of(period) > query.after:
                has_more = len(page) == query.count
                if not has_more:
                    page.append(period)
        links = [{"relation": "self", "url": query.address(query.after)}]
        if has_more and page:
            links.append({"relation": "next", "url": query.address(_place_of(page[-1]))})
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
        # FHIR has no empty lists.
        return bundle | ({"entry": [*map(self._entry, page)]} if page else {})

    def _entry(self, period: PeriodAnswer) -> Mapping[str, Any]:
        statement = statement_of(self._query.patient_id, period, self._now)
        return {
            "fullUrl": f"{self._query.base}/MedicationStatement/{statement['id']}",
            "resource": statement,
            "search": {"mode": "match"},
        }


def statement_of(patient_id: str, period: PeriodAnswer, now: datetime) -> Mapping[str, Any]:
    """Write a period as a MedicationStatement.

    Its end is the instant that was reported. FHIR counts it in, and we do not: an end a moment
    before would be one that nobody reported.
    """
    end = {} if period.end is None else {"end": period.end}
    return {
        "resourceType": "MedicationStatement",
        "id": id_of(patient_id, period),
        "status": status_of(period, now),
        "medicationCodeableConcept": {"text": period.medication_name},
        "subject": _subject(patient_id),
        "effectivePeriod": {"start": period.start, **end},
    }


def status_of(period: PeriodAnswer, now: datetime) -> str:
    """Return FHIR's status: neither a start nor a stop that is still to come has happened."""
    if period.start > now:
        return "intended"
    return "active" if period.end is None or period.end > now else "completed"


def id_of(patient_id: str, period: PeriodAnswer) -> str:
    """Return what names the period as it is: with another end it is another statement.

    At one instant one period of a medication can end and another one begin.
    """
    named = (patient_id, period.medication_name, period.start, period.end)
    return sha256(msgspec.json.encode(named)).hexdigest()


def _subject(patient_id: str) -> Mapping[str, Any]:
    if _ID.fullmatch(patient_id):
        return {"reference": f"Patient/{patient_id}"}
    return {"type": "Patient", "identifier": {"value": patient_id}}


def _extent(period: PeriodAnswer) -> tuple[datetime, datetime]:
    """Return [start, end) of a period; one of zero length is at its instant."""
    end = _NEVER if period.end is None else period.end
    return period.start, max(end, period.start + _INSTANT)


def _place_of(period: PeriodAnswer) -> Place:
    return period.start, period.medication_name, period.end or _NEVER
