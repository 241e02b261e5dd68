"""The queries: a patient's periods, and the events behind them."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from consumer_app.access import check_patient
from consumer_app.audit.answers import note_parameters
from consumer_app.queries.answers import (
    EventsAnswer,
    ExplainedAnswer,
    PeriodsAnswer,
    answer_events,
    write_answer,
)
from consumer_app.queries.apart import AnswersApart, TooMuchForMemory
from consumer_app.queries.parameters import EventsQuery, PeriodsQuery
from consumer_app.queries.reader import LAST_RECEIVED, Reader, fresh
from consumer_app.rules.doubts import USUAL_QUIET
from consumer_app.storage.store import EventStore
from runtime.http import forms
from runtime.http.etags import EntityTag, unless_known
from runtime.http.problems import BadParameter, Problems, Unavailable, Unreadable

_JSON = "application/json"
_TOO_MANY = "has more events than fit in memory"
_PERIODS_FORM = forms.Form(PeriodsQuery, note_parameters)
_EVENTS_FORM = forms.Form(EventsQuery, note_parameters)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            LAST_RECEIVED: {
                "description": "How fresh the answer is: when any consumer last stored what it had "
                "received, in UTC. Absent where that never was.",
                "schema": {"type": "string", "format": "date-time"},
            },
            "ETag": {
                "description": "Changes with what is told, and not with how fresh it is: as "
                "`If-None-Match` it asks whether anything has changed.",
                "schema": {"type": "string"},
            },
            "X-Request-ID": {
                "description": "What the request is called in the audit: that of the request, or "
                "a new one.",
                "schema": {"type": "string"},
            },
        }
    },
    422: {"model": Problems, "description": "A parameter is missing or wrong"},
    500: {"model": Unreadable, "description": "What is stored of the patient can't be read"},
    503: {
        "model": Unavailable,
        "description": "The database can't be read now, the request can't be recorded, or other "
        "patients with many events are before this one: `Retry-After` says when to ask again",
    },
}
_GET_RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "What `If-None-Match` names is still the answer"}
}
_SEARCH_RESPONSES: dict[int | str, dict[str, Any]] = {
    **forms.RESPONSES,
    412: {"description": "What `If-None-Match` names is still the answer: of a form no 304 tells"},
}
_CSV_EXAMPLE = "patient_id,medication_name,start,end\r\n2,Y,2021-01-01T02:00:00Z,\r\n"
_PERIODS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        **_RESPONSES[200],
        "content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE}},
    }
}


def periods_router(
    store: EventStore, answered_apart: AnswersApart, quiet: timedelta = USUAL_QUIET
) -> APIRouter:
    """Make the query routes over a store; patients with many events are answered apart.

    ``quiet`` is for how long nothing may be reported on an order that goes on.
    """
    router = APIRouter(tags=["queries"], responses=_RESPONSES)
    reader = Reader(store, answered_apart, quiet)

    @router.get(
        "/periods",
        response_model=PeriodsAnswer | ExplainedAnswer,
        responses=_GET_RESPONSES | _PERIODS_RESPONSES,
    )
    async def periods(query: Annotated[PeriodsQuery, Query()], request: Request) -> Response:
        """Answer in which periods a patient was on each medication.

        A period is [start, end); `end` is null while the patient is still on the medication. The
        time filters choose among the periods; anomalies are never hidden by them. A patient of
        whom nothing is known has empty lists. CSV has the periods alone, without the anomalies.
        Doubts are of now, and change no period.
        """
        check_patient(request, query.patient_id)
        query.check_window()
        query = query.written_for(",".join(request.headers.getlist("accept")))
        try:
            return await reader.answer(query, request)
        except TooMuchForMemory:
            raise _too_much(set(query.medication_name)) from None

    @router.get("/events", response_model=EventsAnswer, responses=_GET_RESPONSES)
    async def events(query: Annotated[EventsQuery, Query()], request: Request) -> Response:
        """List a patient's stored events with their time of arrival, page by page."""
        check_patient(request, query.patient_id)
        found = await store.read_page(query.patient_id, query.limit + 1, query.after)
        body = write_answer(answer_events(query.patient_id, found.events, query.limit))
        whole = Response(body, headers=fresh(found.last_received_at), media_type=_JSON)
        return unless_known(request, whole, EntityTag(body))

    @router.post(
        "/periods/_search",
        response_model=PeriodsAnswer | ExplainedAnswer,
        responses=_SEARCH_RESPONSES | _PERIODS_RESPONSES,
        openapi_extra=_PERIODS_FORM.described(),
    )
    async def search_periods(
        query: Annotated[PeriodsQuery, Depends(_PERIODS_FORM)], request: Request
    ) -> Response:
        """Answer like `GET /periods` what a form asks, so that no address names the patient."""
        return await periods(query, request)

    @router.post(
        "/events/_search",
        response_model=EventsAnswer,
        responses=_SEARCH_RESPONSES,
        openapi_extra=_EVENTS_FORM.described(),
    )
    async def search_events(
        query: Annotated[EventsQuery, Depends(_EVENTS_FORM)], request: Request
    ) -> Response:
        """List like `GET /events` what a form asks for, so that no address names the patient."""
        return await events(query, request)

    return router


def _too_much(named: set[str]) -> BadParameter:
    """Say what to name instead: memory is needed for one medication at a time, the largest."""
    if len(named) == 1:
        return BadParameter("medication_name", f"names one that {_TOO_MANY}", None)
    which = "one of these" if named else "one of the patient's medications"
    return BadParameter("medication_name", f"{which} {_TOO_MANY}: name others", "Heparin")
