"""Patients whose identifiers begin as somebody has written them so far."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from consumer_app.access import check_all_patients
from consumer_app.audit.answers import note_parameters
from consumer_app.queries.answers import write_answer
from consumer_app.storage.store import EventStore
from contracts.described import Described
from contracts.event import MAX_IDENTIFIER_CHARACTERS
from contracts.text import read_identifier
from runtime.http import forms
from runtime.http.problems import Problems, Unavailable

_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": Problems, "description": "A parameter is missing or wrong"},
    503: {
        "model": Unavailable,
        "description": "The database can't be read now, or the request can't be recorded",
    },
}


def _read_beginning(value: object) -> object:
    """Read an identifier as far as it is written; a space behind it is a part of what comes."""
    read = read_identifier(value)
    if isinstance(value, str) and read and value[-1].isspace():
        return f"{read} "
    return read


class PatientsQuery(BaseModel):
    """What an identifier begins with."""

    model_config = ConfigDict(extra="forbid")

    prefix: Annotated[
        str,
        Field(
            min_length=2,
            max_length=MAX_IDENTIFIER_CHARACTERS,
            description="How the identifiers begin, as the events write them.",
            examples=["33"],
        ),
        BeforeValidator(_read_beginning),
    ]
    limit: Annotated[int, Field(ge=1, le=100, description="So many at most.", examples=[10])] = 10


class PatientsAnswer(Described, frozen=True):
    """Patients of whom something was stored."""

    patients: Annotated[list[str], Field(description="In the order of code points.")]


_FORM = forms.Form(PatientsQuery, note_parameters)


def patients_router(store: EventStore) -> APIRouter:
    """Make the routes that search for patients in a store."""
    router = APIRouter(tags=["queries"], responses=_RESPONSES)

    @router.get("/patients", response_model=PatientsAnswer)
    async def patients(query: Annotated[PatientsQuery, Query()], request: Request) -> Response:
        """List the first patients whose identifiers begin with what is given."""
        check_all_patients(request)
        found = await store.patients_from(query.prefix, query.limit)
        return Response(write_answer(PatientsAnswer(found)), media_type="application/json")

    @router.post(
        "/patients/_search",
        response_model=PatientsAnswer,
        responses=forms.RESPONSES,
        openapi_extra=_FORM.described(),
    )
    async def search_patients(
        query: Annotated[PatientsQuery, Depends(_FORM)], request: Request
    ) -> Response:
        """List like `GET /patients` what a form asks for, so that no address names anybody."""
        return await patients(query, request)

    return router
