"""HTTP: events posted to the publisher."""

import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from contracts import MedicationEvent, RecordEvent, RecordVersion, RunId
from publisher_app.failures import TakenElsewhere, UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.foreign import is_fhir
from publisher_app.formats.recognition import Formats, json_records_of
from publisher_app.formats.records import MAX_CHARACTERS, Record, may_be_deep
from publisher_app.formats.text import as_text, buffered
from publisher_app.intake import Intake, Outcome
from publisher_app.runs import source_of_request
from runtime.access.callers import caller_of
from runtime.http.bodies import Bodies, BodyTooLong, BodyTooSlow, BodyUnreadable, NoRoom
from runtime.http.openapi import inlined
from runtime.http.problems import BadParameter, Busy, Problems, Refusal, Unavailable

_MOST_TOLD = 100


class RejectedEvent(BaseModel):
    """An element that is no event."""

    index: Annotated[int, Field(description="Its place in the request, from 0.", examples=[1])]
    reason: Annotated[str, Field(examples=["action: Field required"])]


class PostedEvents(BaseModel):
    """What became of the posted elements."""

    accepted: Annotated[int, Field(description="Events that RabbitMQ has confirmed.")]
    versions: Annotated[
        int | None,
        Field(description="Versions of records that it has confirmed, where there are any."),
    ] = None
    rejected: Annotated[
        list[RejectedEvent],
        Field(description=f"The elements that are no events, the first {_MOST_TOLD} of them."),
    ]
    rejected_count: Annotated[int, Field(description="How many elements are no events.")]
    run: Annotated[RunId | None, Field(description="The run that the request has named.")]


class PostQuery(BaseModel):
    """What may stand in the address; a misspelt ``run`` would else leave events without one."""

    model_config = ConfigDict(extra="forbid")

    run: Annotated[
        RunId | None,
        Field(
            description="The run that they belong to, by which they can be taken out again; by "
            "default none. What comes of a run that was taken out is not stored: name another one."
        ),
    ] = None


def events_router(formats: Formats, intake: Intake, bodies: Bodies, max_elements: int) -> APIRouter:
    """Make the route that takes events; they belong to the run that a request names, or to none.

    A request with more than ``max_elements`` is refused whole.
    """
    router = APIRouter(tags=["events"])

    @router.post(
        "/events",
        status_code=202,
        response_model=PostedEvents,
        responses=_RESPONSES,
        openapi_extra={"requestBody": {"required": True, "content": _request_content()}},
    )
    async def post_events(request: Request, query: Annotated[PostQuery, Query()]) -> Response:
        """Publish one event, a list, or JSON Lines, and answer once RabbitMQ has confirmed.

        The body is JSON by its `Content-Type`, and may be packed: `Content-Encoding: gzip`. JSON,
        fields and times are read as in files. What is no event is reported by its index, and the
        others are published. Of a request that is refused (4xx) nothing is published. Repeating a
        request is always safe.
        """
        rejected: list[RejectedEvent] = []

        def reject(record: Record, reason: str) -> None:
            if len(rejected) < _MOST_TOLD:
                rejected.append(RejectedEvent(index=record.place, reason=reason))

        source = None if query.run is None else _source_of(request)
        outcome = Outcome(query.run, source)
        async with _body_of(request, bodies) as body:
            _check_lines(body, _MAX_LINES_PER_ELEMENT * max_elements)
            records = _at_most(max_elements, _records(body, formats.columns))
            await intake.take(formats.of_events(records), reject, outcome)
        answer = PostedEvents(
            accepted=outcome.published,
            versions=outcome.versions or None,
            rejected=rejected,
            rejected_count=outcome.rejected,
            run=outcome.run,
        )
        status = 202 if outcome.published or outcome.versions else 422
        return JSONResponse(answer.model_dump(exclude=_absent(answer)), status_code=status)

    return router


_MAX_NAMES_IN_A_REQUEST = 10_000
_MAX_LINES_PER_ELEMENT = 100
_IN_PARTS = "nothing of it is published: send several requests, or python -m publisher_app FILE"
_FORMS = "post an event, a list of events, or JSON Lines"
_TYPES = ("application/json", "application/x-ndjson")
_EXAMPLE = (
    '{"patient_id": "2", "medication_name": "Heparin", "action": "start", '
    '"event_time": "2021-01-01T02:00:00Z"}'
)


def _absent(answer: PostedEvents) -> set[str]:
    return {"versions"} if answer.versions is None else set()


def _source_of(request: Request) -> str | None:
    caller = caller_of(request.scope)
    address = None if request.client is None else request.client.host
    return None if caller is None else source_of_request(caller.subject, address)


@asynccontextmanager
async def _body_of(request: Request, bodies: Bodies) -> AsyncIterator[bytes]:
    _check_type(request.headers.get("content-type", ""))
    try:
        async with bodies.of(request) as body:
            yield body
    except BodyTooLong:
        too_long = f"the body is longer than {bodies.limit:,} bytes; {_IN_PARTS}"
        raise HTTPException(413, too_long) from None
    except BodyUnreadable as error:
        raise BadParameter("body", f"{error}: {_FORMS}", _EXAMPLE) from None
    except BodyTooSlow as error:
        # Nobody waits for the rest.
        headers = {"Connection": "close"}
        raise HTTPException(408, f"the body: {error}", headers) from None
    except NoRoom as error:
        raise Busy(str(error), retry_after_seconds=5) from None


def _check_type(content_type: str) -> None:
    """Take no other types: another site's page can post forms and plain text here unseen."""
    if content_type.partition(";")[0].strip().lower() not in _TYPES:
        raise HTTPException(
            415, f"the header Content-Type must be {' or '.join(_TYPES)}: curl sends it with --json"
        )


def _check_lines(body: bytes, limit: int) -> None:
    """Refuse what takes long to read, and holds up all others, however few elements it holds."""
    if max(body.count(b"\n"), body.count(b"\r")) > limit:
        raise HTTPException(413, f"the body holds more than {limit:,} lines; {_IN_PARTS}")


def _at_most(limit: int, records: Iterator[Record]) -> Iterator[Record]:
    """Count the elements; all of them are taken apart before the first is published."""
    for count, record in enumerate(records, start=1):
        if count > limit:
            raise HTTPException(413, f"the body holds more than {limit:,} elements; {_IN_PARTS}")
        yield record


def _records(body: bytes, columns: Columns) -> Iterator[Record]:
    """Take a body apart; what is wrong with it as a whole is told at the end at the latest.

    Nothing of it is to be published before.
    """
    names: dict[str, None] = {}
    index = -1
    try:
        records = _one_event(body, columns) or _all(body, columns)
        for index, record in enumerate(_noting(names, records)):
            yield record._replace(place=index)
    except TakenElsewhere as error:
        raise BadParameter("body", str(error), None) from None
    except UnreadableInput as error:
        raise BadParameter("body", f"{error}: {_FORMS}", _EXAMPLE) from None
    if index < 0:
        raise BadParameter("body", f"holds no event: {_FORMS}", _EXAMPLE)
    try:
        columns.check_posted([Record(0, names)])
    except UnreadableInput as error:
        raise BadParameter("body", str(error), _EXAMPLE) from None


def _noting(names: dict[str, None], records: Iterable[Record]) -> Iterator[Record]:
    """Note the names in records, unless there are more than any events have."""
    for record in records:
        if isinstance(record.content, dict):
            names.update(dict.fromkeys(record.content))
        if len(names) > _MAX_NAMES_IN_A_REQUEST:
            raise UnreadableInput(
                f"holds more than {_MAX_NAMES_IN_A_REQUEST:,} different names of fields"
            )
        yield record


def _one_event(body: bytes, columns: Columns) -> Sequence[Record]:
    """Take what is surely one event alone, as most bodies are, at once; else give nothing."""
    if not body.startswith(b"{") or len(body) >= MAX_CHARACTERS:
        return []
    try:
        text = body.decode()
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    is_event = columns.knows_any_of(content) and not is_fhir(content) and not may_be_deep(text)
    return [Record(0, content)] if is_event else []


def _all(body: bytes, columns: Columns) -> Iterator[Record]:
    return json_records_of(as_text(buffered(io.BytesIO(body))), columns)


_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {
        "model": PostedEvents | Problems,
        "description": "Nothing in the request is an event, or it can't be read",
    },
    413: {
        "model": Refusal,
        "description": "The body is too long, or holds too many elements or lines: nothing is "
        "published",
    },
    415: {
        "model": Refusal,
        "description": "The body is said to be no JSON, or is packed oddly",
    },
    408: {
        "model": Refusal,
        "description": "The body has not come in time: the connection is closed",
    },
    503: {
        "model": Unavailable,
        "description": "RabbitMQ has not confirmed, or large bodies are in work: `Retry-After` "
        "says when to post again",
    },
}


def _request_content() -> dict[str, Any]:
    report = _report_schema()
    lines = {"schema": {"type": "string", "description": "One event or version a line."}}
    # Of a list the good elements are published, and the others rejected by their index.
    one_or_more = {"anyOf": [report, {"type": "array", "contains": report}]}
    return {"application/json": {"schema": one_or_more}, "application/x-ndjson": lines}


def _report_schema() -> dict[str, Any]:
    return inlined(TypeAdapter(MedicationEvent | RecordEvent | RecordVersion).json_schema())
