"""FHIR's REST, as engines speak it: https://hl7.org/fhir/R4/http.html.

Resources are taken, and not kept: only what their administrations report is published. An answer
comes once RabbitMQ has confirmed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Path, Request, Response

from contracts import Report
from contracts.event import written_like
from contracts.text import IDENTIFIER_PATTERN
from publisher_app.failures import Failure, UnreadableInput
from publisher_app.formats.fhir.reading import Entry, Resources
from publisher_app.formats.fhir.references import Scope
from publisher_app.formats.fhir.resources import KIND, read_head
from publisher_app.formats.fhir.resources import Request as Asked
from publisher_app.formats.fhir.resources import Response as Answered
from publisher_app.formats.foreign import foreign_body
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.recognition import Formats, Notes
from publisher_app.formats.records import Record
from publisher_app.intake import Intake, Outcome
from runtime.http.bodies import Bodies, BodyRefused, BodyTooLong, NoRoom
from runtime.http.fhir import (
    FHIR_JSON,
    FhirResponse,
    Issue,
    capabilities,
    fhir_answer,
    operation_outcome,
    outcome,
)

# DSTU2 has its own name for it.
_TYPES = {FHIR_JSON, "application/json+fhir", "application/json"}
_METHODS = {"POST": "201 Created", "PUT": "200 OK", "DELETE": "204 No Content"}
_RETRY_SECONDS = 5

Id = Annotated[
    str,
    # Servers have ids that FHIR would not allow.
    Path(description="Its id: any that a record can be named by."),
    written_like(IDENTIFIER_PATTERN),
]


class _Taken(NamedTuple):
    """What a Bundle reports, and what is answered to each of its entries."""

    kind: str
    reports: Sequence[Report]
    responses: Sequence[dict[str, Any]]


class _Refused(Exception):
    """A request is not taken: nothing of it is published."""

    def __init__(self, status: int, issues: Sequence[Issue]) -> None:
        super().__init__(status)
        self.status = status
        self.issues = issues


def fhir_router(formats: Formats, intake: Intake, bodies: Bodies, max_elements: int) -> APIRouter:
    """Make the routes that take FHIR; a Bundle holds up to ``max_elements`` entries."""
    router = APIRouter(
        prefix="/fhir", tags=["FHIR"], responses=_RESPONSES, default_response_class=FhirResponse
    )
    rest = _Rest(formats, intake, bodies, max_elements)
    one = f"/{KIND}/{{key}}"
    router.add_api_route("", rest.take_bundle, methods=["POST"], openapi_extra=_BUNDLE)
    router.add_api_route(
        f"/{KIND}", rest.create, methods=["POST"], status_code=201, openapi_extra=_RESOURCE
    )
    router.add_api_route(one, rest.update, methods=["PUT"], openapi_extra=_RESOURCE)
    router.add_api_route(one, rest.delete, methods=["DELETE"], status_code=204)
    router.add_api_route("/metadata", rest.metadata, methods=["GET"])
    return router


class _Rest:
    """FHIR's interactions; each answers once RabbitMQ has confirmed."""

    def __init__(self, formats: Formats, intake: Intake, bodies: Bodies, max_elements: int) -> None:
        self._formats = formats
        self._intake = intake
        self._bodies = bodies
        self._max_elements = max_elements

    async def take_bundle(self, request: Request) -> Response:
        """Publish what a Bundle of type transaction or batch reports.

        Of a transaction with one bad entry nothing is published (400); a batch is answered entry by
        entry. Patients and Medications are there for those that refer to them.
        """

        async def act(body: bytes) -> Response:
            return await self._take_bundle(body, request)

        return await self._answered(request, act)

    async def create(self, request: Request) -> Response:
        """Publish what a MedicationAdministration reports; it needs an id or an identifier."""

        async def act(body: bytes) -> Response:
            key, notes = await self._take(body, request, Asked("POST", KIND))
            headers = {"Location": _address(key)} if key else {}
            return _taken(HTTPStatus.CREATED, body, notes, headers)

        return await self._answered(request, act)

    async def update(self, request: Request, key: Id) -> Response:
        """Publish the version that a MedicationAdministration has now."""

        async def act(body: bytes) -> Response:
            _, notes = await self._take(body, request, Asked("PUT", _address(key)))
            return _taken(HTTPStatus.OK, body, notes)

        return await self._answered(request, act)

    async def delete(self, request: Request, key: Id) -> Response:
        """Take a MedicationAdministration back, as of the request's `Date`, else of now.

        Later versions of it count again: those whose `meta.lastUpdated` is later.
        """

        async def act(_body: bytes) -> Response:
            # Which version the sender has deleted, where numbers rank.
            deleted = Answered(etag=request.headers.get("if-match"))
            entry = Entry(Scope(), None, Asked("DELETE", _address(key)), deleted)
            reports, _ = _reported(self._resources(request), Record(0, None, None, entry))
            await self._publish(reports)
            return Response(status_code=HTTPStatus.NO_CONTENT)

        return await self._answered(request, act, has_body=False)

    async def metadata(self) -> Response:
        """Say what is understood: a CapabilityStatement."""
        return fhir_answer(_CAPABILITIES)

    async def _answered(
        self,
        request: Request,
        act: Callable[[bytes], Awaitable[Response]],
        *,
        has_body: bool = True,
    ) -> Response:
        try:
            return await self._act(request, act, has_body=has_body)
        except _Refused as refused:
            return outcome(refused.status, refused.issues)
        except BodyTooLong:
            words = f"the body is longer than {self._bodies.limit:,} bytes"
            return outcome(BodyTooLong.status, [Issue("too-long", words)])
        except NoRoom as error:
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            return outcome(NoRoom.status, [Issue("throttled", str(error))], headers)
        except BodyRefused as error:
            return outcome(error.status, [Issue("structure", f"the body: {error}")])
        except Failure as failure:
            words = f"{failure}; repeating the request is safe"
            return outcome(HTTPStatus.SERVICE_UNAVAILABLE, [Issue("transient", words)])

    async def _act(
        self, request: Request, act: Callable[[bytes], Awaitable[Response]], *, has_body: bool
    ) -> Response:
        if not has_body:
            return await act(b"")
        _check_type(request.headers.get("content-type", ""))
        async with self._bodies.of(request) as body:
            return await act(body)

    async def _publish(self, reports: Sequence[Report]) -> None:
        await self._intake.publish(reports, Outcome())

    def _resources(self, request: Request) -> Resources:
        return self._formats.fhir(as_of=_date_of(request.headers.get("date")))

    async def _take(
        self, body: bytes, request: Request, asked: Asked
    ) -> tuple[str | None, Iterable[str]]:
        """Publish what one resource reports; return its id, and what is worth telling of it."""
        try:
            head = read_head(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, [_no_resource(body, f"{error}")]) from None
        if head.resource_type != KIND:
            words = f"a {KIND} is taken here" if head.resource_type else "resourceType: is missing"
            raise _Refused(HTTPStatus.BAD_REQUEST, [Issue("invalid", words, "resourceType")])
        record = Record(0, msgspec.Raw(body), None, Entry(Scope(), None, asked))
        reports, notes = _reported(self._resources(request), record)
        await self._publish(reports)
        return head.id, notes

    async def _take_bundle(self, body: bytes, request: Request) -> Response:
        # Apart, as a large one takes long, and other requests are answered meanwhile.
        read = await asyncio.to_thread(self._read_bundle, body, self._resources(request))
        await self._publish(read.reports)
        answers = [{"response": response} for response in read.responses]
        bundle = {"resourceType": "Bundle", "type": f"{read.kind}-response", "entry": answers}
        return fhir_answer(bundle)

    def _read_bundle(self, body: bytes, resources: Resources) -> _Taken:
        try:
            kind, entries = resources.by_entry(body, self._max_elements)
        except UnreadableInput as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, [_no_resource(body, str(error))]) from None
        if kind not in ("transaction", "batch"):
            words = f"a Bundle of type transaction or batch is taken here, or a {KIND} at {KIND}"
            raise _Refused(HTTPStatus.BAD_REQUEST, [Issue("value", words, "Bundle.type")])
        reports: list[Report] = []
        told: list[dict[str, Any]] = []
        issues: list[Issue] = []
        for number, (asked, records) in enumerate(entries):
            try:
                found, notes = _of_entry(resources, asked, records)
                reports += found
                told.append({"status": _METHODS[asked.method]} if asked else {})
                if notes:
                    told[-1]["outcome"] = operation_outcome(_information(notes))
            except NoEvent as problem:
                issues.append(Issue("invalid", str(problem), f"Bundle.entry[{number}]"))
                told.append(
                    {"status": "400 Bad Request", "outcome": operation_outcome(issues[-1:])}
                )
        if kind == "transaction" and issues:
            raise _Refused(HTTPStatus.BAD_REQUEST, issues)
        return _Taken(kind, reports, told)


def _reported(resources: Resources, record: Record) -> tuple[list[Report], Notes]:
    notes = Notes()
    try:
        return [*resources.reports_of(record, notes)], notes
    except NoEvent as problem:
        issue = Issue("invalid", str(problem), KIND)
        raise _Refused(HTTPStatus.BAD_REQUEST, [issue]) from None


def _of_entry(
    resources: Resources, asked: Asked | None, records: Iterable[Record]
) -> tuple[list[Report], Notes]:
    if asked is None or not asked.method:
        raise NoEvent("request: is missing")
    if asked.method not in _METHODS:
        raise NoEvent("request.method: POST, PUT and DELETE are taken")
    notes = Notes()
    return [each for record in records for each in resources.reports_of(record, notes)], notes


def _address(key: str) -> str:
    return f"{KIND}/{quote(key, safe='')}"


def _no_resource(body: bytes, words: str) -> Issue:
    told = foreign_body(body)
    return Issue("structure", f"it is {told}" if told else words)


def _information(notes: Iterable[str]) -> list[Issue]:
    return [Issue("informational", each, severity="information") for each in notes]


def _taken(
    status: int, body: bytes, notes: Iterable[str], headers: dict[str, str] | None = None
) -> Response:
    """Answer with the resource that was taken, or with what is worth telling of it."""
    if issues := _information(notes):
        return outcome(status, issues, headers)
    return Response(body, status, headers, FHIR_JSON)


def _check_type(content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() not in _TYPES:
        words = f"the header Content-Type must be {FHIR_JSON}: XML is not read"
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, [Issue("not-supported", words)])


def _date_of(header: str | None) -> str:
    try:
        date = parsedate_to_datetime(header) if header else datetime.now(UTC)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        words = "the header Date is no date: write it like Fri, 27 Nov 2026 14:00:00 GMT"
        raise _Refused(HTTPStatus.BAD_REQUEST, [Issue("value", words)]) from None


_CAPABILITIES = capabilities(
    "publisher",
    "Takes MedicationAdministrations, and keeps none",
    {
        "resource": [
            {
                "type": KIND,
                "interaction": [{"code": "create"}, {"code": "update"}, {"code": "delete"}],
                "updateCreate": True,
            }
        ],
        "interaction": [{"code": "transaction"}, {"code": "batch"}],
    },
)


def _content(what: str) -> dict[str, Any]:
    schema = {"type": "object", "description": what}
    content = {each: {"schema": schema} for each in sorted(_TYPES)}
    return {"requestBody": {"required": True, "content": content}}


_BUNDLE = _content("A Bundle of type transaction or batch.")
_RESOURCE = _content("A MedicationAdministration, of DSTU2 to R6.")
_OUTCOME = {"content": {FHIR_JSON: {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "It can't be read: nothing is published", **_OUTCOME},
    408: {"description": "The body has not come in time", **_OUTCOME},
    413: {"description": "The body is too long, or has too many entries", **_OUTCOME},
    415: {"description": "It is said to be no JSON, or is packed oddly", **_OUTCOME},
    503: {"description": "RabbitMQ has not confirmed: repeat it", **_OUTCOME},
}
