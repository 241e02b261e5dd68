"""The queries: a patient's periods, and the events behind them."""

import base64
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from consumer_app.rules.histories import Judged, Role
from consumer_app.rules.periods import Anomaly, Period, medication_periods
from consumer_app.storage.store import EventStore, PageKey, ReceivedEvent
from contracts import Event, EventTime, MedicationEvent, MedicationName, PatientId
from runtime.http.problems import BadParameter, Problems, Unavailable
from runtime.query_route import QueryRoute

_PAGE_KEY = TypeAdapter(PageKey)
# Years and months have no set length, so they are no gap.
_DURATION = re.compile(r"P(?!$)(\d+W|(\d+D)?(T(?!$)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)", re.ASCII)


def _read_gap(value: object) -> object:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    raise PydanticCustomError(
        "merge_gap",
        "is not an ISO 8601 duration of weeks, or of days, hours, minutes and seconds: "
        "write it like P30D or PT0S",
    )


def _read_page_key(value: object) -> PageKey:
    try:
        return _PAGE_KEY.validate_json(base64.urlsafe_b64decode(str(value)))
    except ValueError:
        raise PydanticCustomError(
            "after", "is not the `next` of an earlier answer: leave it out for the first page"
        ) from None


def _write_page_key(event: ReceivedEvent) -> str:
    key = PageKey(*(getattr(event, name) for name in PageKey._fields))
    return base64.urlsafe_b64encode(_PAGE_KEY.dump_json(key)).decode()


_INSTANT = ["2021-01-01T02:00:00Z"]

Patient = Annotated[
    PatientId, Query(description="The patient, as the events name them.", examples=["2"])
]
Medications = Annotated[
    list[MedicationName],
    Query(description="Only these medications; repeat it for several.", examples=["Heparin"]),
]
MergeGap = Annotated[
    Annotated[timedelta, BeforeValidator(_read_gap)] | None,
    Query(
        description="Join a medication's periods with a gap of at most this ISO 8601 duration: "
        "PT0S joins those that touch, P30D is the OMOP drug era's window.",
        examples=["P30D", "PT0S"],
    ),
]


class PeriodAnswer(BaseModel):
    """[start, end): the end itself is outside."""

    medication_name: str
    start: datetime
    end: Annotated[
        datetime | None, Field(description="null while the patient is still on the medication.")
    ]


class PeriodsAnswer(BaseModel):
    """A patient's medication periods, and the events that had no effect on them."""

    patient_id: str
    periods: Annotated[list[PeriodAnswer], Field(description="By start, then medication.")]
    anomalies: Annotated[list[Anomaly], Field(description="By event time, then medication.")]


class ExplainedPeriod(PeriodAnswer):
    """A period with the events that opened and closed it."""

    opened_by: MedicationEvent
    closed_by: MedicationEvent | None


class ExplainedEvent(MedicationEvent):
    """An event and what it did."""

    role: Annotated[Role, Field(description="What the event did to the periods.")]
    counterpart: Annotated[
        MedicationEvent | None,
        Field(description="cancelled: the cancel; cancel: the event that it took away."),
    ] = None


class ExplainedAnswer(PeriodsAnswer):
    """The periods, and each event with what it did."""

    periods: list[ExplainedPeriod]  # type: ignore[assignment]
    events: Annotated[list[ExplainedEvent], Field(description="By event time.")]


class EventsAnswer(BaseModel):
    """One page of a patient's stored events."""

    patient_id: str
    events: Annotated[list[ReceivedEvent], Field(description="By event time, then medication.")]
    next: Annotated[
        str | None, Field(description="Give it as `after` for the next page; null on the last.")
    ]


_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": Problems, "description": "A parameter is missing or wrong"},
    503: {"model": Unavailable, "description": "The database can't be read now"},
}


# An answer is written straight from what the rules give: models would take longer than the rules.
_encode = msgspec.json.Encoder().encode


def _period(period: Period) -> dict[str, object]:
    opened_by, closed_by = period.opened_by, period.closed_by
    return {
        "medication_name": opened_by.medication_name,
        "start": opened_by.event_time,
        "end": closed_by and closed_by.event_time,
    }


def _explained_period(period: Period) -> dict[str, object]:
    return {
        **_period(period),
        "opened_by": _event(period.opened_by),
        "closed_by": _event(period.closed_by),
    }


def _explained_events(histories: Iterable[Judged]) -> list[dict[str, object]]:
    verdicts = [verdict for history in histories for verdict in history.verdicts()]
    verdicts.sort(key=lambda verdict: verdict.event.event_time)
    return [
        {**(_event(event) or {}), "role": role, "counterpart": _event(counterpart)}
        for event, role, counterpart in verdicts
    ]


def _event(event: Event | None) -> dict[str, object] | None:
    if event is None:
        return None
    return {name: getattr(event, name) for name in MedicationEvent.model_fields}


def queries(store: EventStore) -> APIRouter:
    """Make the query routes over a store."""
    router = APIRouter(tags=["queries"], responses=_RESPONSES)

    async def periods(
        patient_id: Patient,
        medication_name: Medications = [],  # noqa: B006 - FastAPI copies it
        from_: Annotated[
            EventTime | None,
            Query(alias="from", description="Periods that meet [from, to).", examples=_INSTANT),
        ] = None,
        to: Annotated[
            EventTime | None, Query(description="Periods that meet [from, to).", examples=_INSTANT)
        ] = None,
        at: Annotated[
            EventTime | None,
            Query(description="Periods that hold at that instant.", examples=_INSTANT),
        ] = None,
        merge_gap: MergeGap = None,
        explain: Annotated[
            bool,
            Query(description="Tell which events made each period, and why.", examples=["true"]),
        ] = False,
    ) -> Response:
        """Answer in which periods a patient was on each medication.

        A period is [start, end); `end` is null while the patient is still on the medication. The
        time filters choose among the periods; anomalies are never hidden by them. A patient of
        whom nothing is known has empty lists.
        """
        if from_ is not None and to is not None and to < from_:
            raise BadParameter(
                "to",
                "is before `from`: the window is [from, to)",
                from_.isoformat().replace("+00:00", "Z"),
            )
        events = await store.events_of(patient_id, medication_name)
        found = medication_periods(events, merge_gap)
        periods = [
            period
            for period in found.periods
            if period.meets(from_, to) and (at is None or period.holds_at(at))
        ]
        written = _explained_period if explain else _period
        answer = {
            "patient_id": patient_id,
            "periods": [written(period) for period in periods],
            "anomalies": found.anomalies,
        }
        if explain:
            answer["events"] = _explained_events(found.histories)
        return Response(_encode(answer), media_type="application/json")

    router.add_api_route(
        "/periods",
        periods,
        response_model=PeriodsAnswer | ExplainedAnswer,
        route_class_override=QueryRoute,
    )

    @router.get("/events")
    async def events(
        patient_id: Patient,
        limit: Annotated[
            int, Query(ge=1, le=1000, description="Events on a page.", examples=[100])
        ] = 100,
        after: Annotated[
            PageKey | None,
            BeforeValidator(_read_page_key, json_schema_input_type=str),
            Query(description="The `next` of the page before."),
        ] = None,
    ) -> EventsAnswer:
        """List a patient's stored events with their time of arrival, page by page."""
        page = await store.page_of(patient_id, limit + 1, after)
        more = len(page) > limit
        page = page[:limit]
        return EventsAnswer(
            patient_id=patient_id, events=page, next=_write_page_key(page[-1]) if more else None
        )

    return router
