"""What is answered: structs that are written as they are, and described by the same fields."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec.structs import astuple
from pydantic import Field

from consumer_app.queries.places import write_place
from consumer_app.rules.histories import FoldedHistory, Role
from consumer_app.rules.periods import MedicationPeriods, Period, Reason
from consumer_app.storage.store import ReceivedEvent
from contracts import MedicationEvent
from contracts.described import Described

write_answer = msgspec.json.Encoder().encode


class PeriodAnswer(Described, frozen=True):
    """[start, end): the end itself is outside."""

    medication_name: str
    start: datetime
    end: Annotated[
        datetime | None, Field(description="null while the patient is still on the medication.")
    ]


class AnsweredEvent(MedicationEvent, frozen=True, omit_defaults=False):
    """An event with all of its fields, those that are absent as null."""


class AnomalyAnswer(AnsweredEvent, frozen=True, kw_only=True):
    """An event without effect on the periods, and the reason."""

    reason: Reason


class PeriodsAnswer(Described, frozen=True):
    """A patient's medication periods, and the events that had no effect on them."""

    patient_id: str
    periods: Annotated[Sequence[PeriodAnswer], Field(description="By start, then medication.")]
    anomalies: Annotated[list[AnomalyAnswer], Field(description="By event time, then medication.")]


class ExplainedPeriod(PeriodAnswer, frozen=True):
    """A period with the events that opened and closed it."""

    opened_by: AnsweredEvent
    closed_by: AnsweredEvent | None


class ExplainedEvent(AnsweredEvent, frozen=True, kw_only=True):
    """An event and what it did."""

    role: Annotated[Role, Field(description="What the event did to the periods.")]
    counterpart: Annotated[
        AnsweredEvent | None,
        Field(description="cancelled: the cancel; cancel: the event that it took away."),
    ] = None


class ExplainedAnswer(PeriodsAnswer, frozen=True):
    """The periods, and each event with what it did."""

    periods: Annotated[Sequence[ExplainedPeriod], Field(description="By start, then medication.")]
    events: Annotated[list[ExplainedEvent], Field(description="By event time.")]


class EventsAnswer(Described, frozen=True):
    """One page of a patient's stored events."""

    patient_id: str
    events: Annotated[list[ReceivedEvent], Field(description="By event time, then medication.")]
    next: Annotated[
        str | None, Field(description="Give it as `after` for the next page; null on the last.")
    ]


def answer_periods(
    patient_id: str, found: MedicationPeriods, periods: Iterable[Period]
) -> PeriodsAnswer:
    """Answer with the chosen ones of the periods that were found."""
    return PeriodsAnswer(patient_id, [_period(each) for each in periods], _anomalies(found))


def explain_periods(
    patient_id: str, found: MedicationPeriods, periods: Iterable[Period]
) -> ExplainedAnswer:
    """Answer as ``answer_periods`` does, and tell what each event did."""
    explained = [_explained_period(each) for each in periods]
    events = _explained_events(found.histories)
    return ExplainedAnswer(patient_id, explained, _anomalies(found), events)


def answer_events(patient_id: str, events: Sequence[ReceivedEvent], limit: int) -> EventsAnswer:
    """Answer with a page of events; there is a next one where more than ``limit`` were found."""
    page = list(events[:limit])
    following = write_place(page[-1]) if len(events) > limit else None
    return EventsAnswer(patient_id, page, following)


def _period(period: Period) -> PeriodAnswer:
    return PeriodAnswer(period.medication_name, period.start, period.end)


def _explained_period(period: Period) -> ExplainedPeriod:
    return ExplainedPeriod(
        period.medication_name,
        period.start,
        period.end,
        opened_by=AnsweredEvent(*astuple(period.opened_by)),
        closed_by=_event(period.closed_by),
    )


def _explained_events(histories: Iterable[FoldedHistory]) -> list[ExplainedEvent]:
    verdicts = [verdict for history in histories for verdict in history.verdicts()]
    verdicts.sort(key=lambda verdict: verdict.event.event_time)
    return [
        ExplainedEvent(*astuple(event), role=role, counterpart=_event(counterpart))
        for event, role, counterpart in verdicts
    ]


def _anomalies(found: MedicationPeriods) -> list[AnomalyAnswer]:
    return [AnomalyAnswer(*astuple(event), reason=reason) for event, reason in found.anomalies]


def _event(event: MedicationEvent | None) -> AnsweredEvent | None:
    return None if event is None else AnsweredEvent(*astuple(event))
