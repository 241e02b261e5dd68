"""FHIR's REST: a patient's periods as MedicationStatements: https://hl7.org/fhir/R4/http.html."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from consumer_app.access import check_patient
from consumer_app.audit.answers import note_parameters
from consumer_app.queries.apart import AnswersApart, TooMuchForMemory
from consumer_app.queries.reader import Reader
from consumer_app.queries.statement_search import (
    MOST_ON_A_PAGE,
    STATUS_PATTERN,
    SearchRefused,
    StatementsQuery,
)
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from consumer_app.storage.store import EventStore
from runtime.http.fhir import (
    FHIR_JSON,
    FhirResponse,
    Issue,
    capabilities,
    fhir_answer,
    outcome,
)
from runtime.http.forms import FORM, GivenForm, grouped
from runtime.http.problems import Busy

KIND = "MedicationStatement"
_CODES = {
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
}
_NO_READ = Issue("not-supported", f"statements are found by a search alone: {KIND}?patient=…")


def fhir_router(store: EventStore, answered_apart: AnswersApart) -> APIRouter:
    """Make the routes of FHIR's REST over a store."""
    router = APIRouter(
        prefix="/fhir", tags=["FHIR"], responses=_RESPONSES, default_response_class=FhirResponse
    )
    reader = Reader(store, answered_apart)
    form = GivenForm(note_parameters)

    @router.get(
        f"/{KIND}", openapi_extra={"parameters": _IN_ADDRESS}, responses=_UNCHANGED_RESPONSES
    )
    async def search(request: Request) -> Response:
        """Find a patient's MedicationStatements: one for each period."""
        return await _answered(reader, request, grouped(request.query_params))

    @router.post(f"/{KIND}/_search", openapi_extra=_IN_FORM, responses=_FORM_RESPONSES)
    async def search_by_form(request: Request) -> Response:
        """Find like `GET` what a form asks for, so that no address names the patient."""
        try:
            given = await form.given(request)
        except HTTPException as error:
            return _refused(error)
        # By FHIR a form's address is read, too: https://hl7.org/fhir/R4/http.html#search.
        address = grouped(request.query_params)
        names = dict.fromkeys([*address, *given])
        asked = {name: [*address.get(name, ()), *given.get(name, ())] for name in names}
        note_parameters(request.scope, asked)
        return await _answered(reader, request, asked)

    @router.get(f"/{KIND}/{{key}}", include_in_schema=False)
    async def read(key: str) -> Response:  # noqa: ARG001 - there is none of any
        return outcome(HTTPStatus.NOT_FOUND, [_NO_READ])

    @router.get("/metadata", responses=_METADATA_RESPONSES)
    async def metadata() -> Response:
        """Say what can be asked: a CapabilityStatement."""
        return fhir_answer(_CAPABILITIES)

    return router


async def _answered(
    reader: Reader, request: Request, given: Mapping[str, Sequence[str]]
) -> Response:
    # Behind a proxy it is the proxy's, which keeps the Host and is trusted with the scheme.
    base = f"{request.base_url}fhir"
    try:
        query = StatementsQuery.read(given, base, is_strict=_is_strict(request))
        check_patient(request, query.patient_id)
    except SearchRefused as error:
        return outcome(HTTPStatus.BAD_REQUEST, [Issue(error.code, str(error))])
    except HTTPException as error:
        return _refused(error)
    return await _found(reader, request, query)


async def _found(reader: Reader, request: Request, query: StatementsQuery) -> Response:
    try:
        return await reader.answer(query, request)
    except TooMuchForMemory:
        words = "one of the patient's medications has more events than fit in memory"
        return outcome(HTTPStatus.UNPROCESSABLE_ENTITY, [Issue("too-costly", words)])
    except UnreadableEvents as error:
        return outcome(HTTPStatus.INTERNAL_SERVER_ERROR, [Issue("exception", str(error))])
    except Busy as error:
        again = {"Retry-After": str(error.retry_after_seconds)}
        issue = Issue("throttled", f"{error}; ask again in {error.retry_after_seconds} s")
        return outcome(HTTPStatus.SERVICE_UNAVAILABLE, [issue], again)
    except DatabaseUnavailable as error:
        issue = Issue("transient", f"{error}; repeating the request is safe")
        return outcome(HTTPStatus.SERVICE_UNAVAILABLE, [issue])


def _refused(error: HTTPException) -> Response:
    issue = Issue(_CODES[HTTPStatus(error.status_code)], error.detail)
    return outcome(error.status_code, [issue], error.headers)


def _is_strict(request: Request) -> bool:
    given = ",".join(request.headers.getlist("prefer")).lower()
    wanted = (part.strip() for part in given.replace(";", ",").split(","))
    return "handling=strict" in wanted


_TEXT = {"type": "string"}
_PARAMETERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "patient": (
        "reference",
        "Whose, always: `2` or `Patient/2`. `subject` is another name of it.",
        {"type": "string", "format": "fhir-reference"},
    ),
    "effective": (
        "date",
        "When, such as `ge2021-01-01`: eq, ge, gt, le, lt, sa, eb; without an offset in UTC. "
        "Repeat it for a window.",
        {"type": "string", "format": "fhir-date"},
    ),
    "status": (
        "token",
        "`active`, `completed`, `intended`: still to come.",
        {"type": "string", "pattern": STATUS_PATTERN},
    ),
    "code:text": (
        "token",
        "How the medication's name begins, without regard to case and accents.",
        _TEXT,
    ),
    "_id": ("token", "Those of these ids, of the patient.", _TEXT),
    "_count": (
        "number",
        f"Statements on a page, up to {MOST_ON_A_PAGE}, by default 100; 0 for the total alone.",
        {"type": "integer", "minimum": 0},
    ),
}
_SUBJECT = {"subject": ("reference", "Another name of `patient`.", _TEXT)}
_IN_ADDRESS = [
    {
        "name": name,
        "in": "query",
        "required": name == "patient",
        "description": words,
        "schema": schema,
    }
    for name, (_, words, schema) in _PARAMETERS.items()
]
_FORM_SCHEMA = {
    "type": "object",
    "required": ["patient"],
    "properties": {
        name: {**schema, "description": words} for name, (_, words, schema) in _PARAMETERS.items()
    },
}
_IN_FORM = {"requestBody": {"required": True, "content": {FORM: {"schema": _FORM_SCHEMA}}}}

_RESOURCE = {"content": {FHIR_JSON: {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A Bundle of type searchset", **_RESOURCE},
    400: {"description": "The search is none that is answered", **_RESOURCE},
    422: {"description": "A medication has more events than fit in memory", **_RESOURCE},
    500: {"description": "What is stored of the patient can't be read", **_RESOURCE},
    503: {"description": "The database can't be read now: repeat it", **_RESOURCE},
}
_UNCHANGED = {"description": "What `If-None-Match` names is still the answer"}
_UNCHANGED_RESPONSES: dict[int | str, dict[str, Any]] = {304: _UNCHANGED}
_FORM_RESPONSES: dict[int | str, dict[str, Any]] = {
    412: _UNCHANGED,
    408: {"description": "The form has not come in time", **_RESOURCE},
    413: {"description": "The form is too long", **_RESOURCE},
    415: {"description": "The body is no form, or is packed oddly", **_RESOURCE},
}
_METADATA_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A CapabilityStatement", **_RESOURCE}
}

_CAPABILITIES = capabilities(
    "consumer",
    "Tells in which periods a patient was on each medication",
    {
        "resource": [
            {
                "type": KIND,
                "interaction": [{"code": "search-type"}],
                "searchParam": [
                    {"name": name.partition(":")[0], "type": kind, "documentation": words}
                    for name, (kind, words, _) in {**_PARAMETERS, **_SUBJECT}.items()
                    if name != "_count"
                ],
            }
        ],
    },
)
