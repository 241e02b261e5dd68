"""What is answered: structs that are written as they are, and described by the same fields."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, repeat, starmap
from typing import Annotated

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import astuple
from pydantic import Field

from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.queries.places import write_place
from consumer_app.recorded import FullEvent
from consumer_app.rules.doubts import Doubt, DoubtKind
from consumer_app.rules.histories import Role, Verdict
from consumer_app.rules.periods import (
    Anomaly,
    MedicationPeriods,
    Period,
    Reason,
    medication_periods,
)
from consumer_app.storage.store import ReceivedEvent
from contracts import MedicationEvent
from contracts.described import Described

write_answer = msgspec.json.Encoder().encode

WRITTEN_AT_ONCE = 1_000

WrittenLists = Iterable[tuple[str, Iterable[bytes]]]
"""Lists by their names, as they are written in parts."""
Doubts = Sequence[Doubt] | UnsetType
"""Those of a period, or that none are told."""
_UNDOUBTED: Iterable[Doubts] = repeat(UNSET)


class DoubtAnswer(Described, frozen=True):
    """Why a period deserves a second look."""

    kind: DoubtKind
    order_id: Annotated[str | None, Field(description="The order that it is about.")]
    time: Annotated[
        datetime,
        Field(
            description="in_future, reported_late: when it happens or happened. nothing_reported: "
            "when the last report happened, or arrived where that is known and was later. "
            "other_order_stopped: when that was stopped."
        ),
    ]
    received_at: Annotated[
        datetime | None, Field(description="reported_late: when the report arrived; else null.")
    ]
    count: Annotated[
        int, Field(description="How many of its kind the period has, of which this is the newest.")
    ]


class PeriodAnswer(Described, frozen=True):
    """[start, end): the end itself is outside."""

    medication_name: str
    start: datetime
    end: Annotated[
        datetime | None, Field(description="null while the patient is still on the medication.")
    ]
    doubts: (
        Annotated[list[DoubtAnswer], Field(description="With doubts=true: one of each kind.")]
        | UnsetType
    ) = UNSET


class WithoutEffect(Described, frozen=True):
    """How many events had no effect on the periods for one reason."""

    reason: Reason
    count: int


class AnomalyAnswer(FullEvent, frozen=True, kw_only=True):
    """An event without effect on the periods, and the reason."""

    reason: Reason


class PeriodsAnswer(Described, frozen=True):
    """A patient's medication periods, and the events that had no effect on them."""

    patient_id: str
    periods: Annotated[Sequence[PeriodAnswer], Field(description="By start, then medication.")]
    anomalies: Annotated[list[AnomalyAnswer], Field(description="By event time, then medication.")]
    last_received_at: (
        Annotated[
            datetime | None,
            Field(
                description="With doubts=true: when the newest report about the patient arrived, "
                "of whichever medication; null where nothing is stored."
            ),
        ]
        | UnsetType
    ) = UNSET
    without_effect: (
        Annotated[
            list[WithoutEffect],
            Field(description="With doubts=true: the anomalies by their reasons, the most first."),
        ]
        | UnsetType
    ) = UNSET


class ExplainedPeriod(PeriodAnswer, frozen=True, kw_only=True):
    """A period with the events that opened and closed it."""

    opened_by: FullEvent
    closed_by: FullEvent | None


class ExplainedEvent(FullEvent, frozen=True, kw_only=True):
    """An event and what it did."""

    role: Annotated[Role, Field(description="What the event did to the periods.")]
    counterpart: Annotated[
        FullEvent | None,
        Field(description="cancelled: the cancel; cancel: the event that it took away."),
    ] = None


class ExplainedAnswer(PeriodsAnswer, frozen=True, kw_only=True):
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


def answer_to(query: PeriodsQuery, events: Iterable[MedicationEvent]) -> Iterator[bytes]:
    """Answer a query from a patient's events; of the body, some at a time."""
    found = medication_periods(events, query.merge_gap)
    periods = query.chosen(found.periods)
    return write_periods(query.patient_id, found, periods, explain=query.explain)


def write_periods(
    patient_id: str, found: MedicationPeriods, periods: Iterable[Period], *, explain: bool = False
) -> Iterator[bytes]:
    """Write a ``PeriodsAnswer``, or to ``explain`` an ``ExplainedAnswer``, some of it at a time.

    Of the periods that were found it has those that are chosen.
    """
    lists = lists_of(found, periods, explain=explain)
    return write_lists({"patient_id": patient_id}, written(lists))


def names_of_lists(*, explain: bool) -> Sequence[str]:
    """Name the lists that ``lists_of`` yields."""
    return ("periods", "anomalies", "events") if explain else ("periods", "anomalies")


def lists_of(
    found: MedicationPeriods,
    periods: Iterable[Period],
    doubtful: Iterable[Doubts] = _UNDOUBTED,
    *,
    explain: bool,
) -> Iterator[tuple[str, Iterable[PeriodAnswer | FullEvent]]]:
    """Yield the lists of an answer with their names, each in the order of time.

    ``doubtful`` are the doubts of each of the periods, where they are told.
    """
    yield "periods", map(_explained_period if explain else period_answer, periods, doubtful)
    yield "anomalies", map(_anomaly, found.anomalies)
    if explain:
        yield "events", map(_explained_event, found.verdicts())


def write_lists(facts: Mapping[str, object], lists: WrittenLists) -> Iterator[bytes]:
    """Write an answer from what is told first, and its lists, of each some at a time."""
    yield write_answer(facts)[:-1]
    for name, parts in lists:
        yield f',"{name}":['.encode()
        comma = b""
        for part in parts:
            yield comma + part
            comma = b","
        yield b"]"
    yield b"}"


def written(lists: Iterable[tuple[str, Iterable[Struct]]]) -> WrittenLists:
    """Write the values of lists, some at a time."""
    return ((name, _parts(values)) for name, values in lists)


def without_effect(reasons: Counter[Reason]) -> Iterator[WithoutEffect]:
    """Yield how many events had no effect by their reasons, the most first."""
    ordered = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    yield from starmap(WithoutEffect, ordered)


def _parts(values: Iterable[Struct]) -> Iterator[bytes]:
    values = iter(values)
    while some := list(islice(values, WRITTEN_AT_ONCE)):
        yield write_answer(some)[1:-1]


read_period = msgspec.json.Decoder(PeriodAnswer).decode
"""Reads a period that ``write_answer`` has written."""


def answer_events(patient_id: str, events: Sequence[ReceivedEvent], limit: int) -> EventsAnswer:
    """Answer with a page of events; there is a next one where more than ``limit`` were found."""
    page = list(events[:limit])
    following = write_place(page[-1]) if len(events) > limit else None
    return EventsAnswer(patient_id, page, following)


def period_answer(period: Period, doubts: Doubts = UNSET) -> PeriodAnswer:
    """Answer with a period, and its doubts where they are told."""
    return PeriodAnswer(period.medication_name, period.start, period.end, _doubts(doubts))


def _doubts(doubts: Doubts) -> list[DoubtAnswer] | UnsetType:
    return UNSET if doubts is UNSET else [*starmap(DoubtAnswer, doubts)]


def _explained_period(period: Period, doubts: Doubts) -> ExplainedPeriod:
    return ExplainedPeriod(
        period.medication_name,
        period.start,
        period.end,
        _doubts(doubts),
        opened_by=FullEvent(*astuple(period.opened_by)),
        closed_by=_event(period.closed_by),
    )


def _explained_event(verdict: Verdict) -> ExplainedEvent:
    event, role, counterpart = verdict
    return ExplainedEvent(*astuple(event), role=role, counterpart=_event(counterpart))


def _anomaly(anomaly: Anomaly) -> AnomalyAnswer:
    return AnomalyAnswer(*astuple(anomaly.event), reason=anomaly.reason)


def _event(event: MedicationEvent | None) -> FullEvent | None:
    return None if event is None else FullEvent(*astuple(event))
