"""HTTP: events posted to the publisher."""

import asyncio
import io
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter

from contracts import MedicationEvent
from publisher_app.formats.mapping import EventReader
from publisher_app.formats.rows import Row, UnreadableInput, rows_of
from publisher_app.inputs.files import decode
from publisher_app.publishing import EventPublisher
from publisher_app.settings import PublisherSettings
from runtime.http.problems import BadParameter, Problems, Unavailable


class RejectedEvent(BaseModel):
    """An element that is no event."""

    index: Annotated[int, Field(description="Its place in the request, from 0.", examples=[1])]
    reason: Annotated[str, Field(examples=["action: Field required"])]


class Outcome(BaseModel):
    """What became of the posted elements."""

    accepted: Annotated[int, Field(description="Events that RabbitMQ has confirmed.")]
    rejected: list[RejectedEvent]


def events_router(publisher: EventPublisher, settings: PublisherSettings) -> APIRouter:
    """Make the route that takes events."""
    router = APIRouter(tags=["events"])

    @router.post(
        "/events",
        status_code=202,
        response_model=Outcome,
        responses=_RESPONSES,
        openapi_extra={"requestBody": {"required": True, "content": _request_content()}},
    )
    async def post_events(request: Request) -> Response:
        """Publish one event, a list, or JSON Lines, and answer once RabbitMQ has confirmed.

        Fields and times are read as in files. What is no event is reported by its index; the
        others are published. Repeating a request is always safe.
        """
        body = await _body(request, settings.max_body_bytes)
        rejected: list[RejectedEvent] = []

        def reject(row: Row, reason: str) -> None:
            rejected.append(RejectedEvent(index=row.line, reason=reason))

        reader = EventReader(settings.map, settings.timezone)
        events = list(reader.read(_numbered(_rows(body)), reject))
        if not events and not rejected:
            raise BadParameter("body", f"holds no event: {_FORMS}", _EXAMPLE)
        outcome = Outcome(accepted=len(events), rejected=rejected)
        await _publish(publisher, events, settings.batch_size)
        return JSONResponse(outcome.model_dump(), status_code=202 if events else 422)

    return router


_FORMS = "post an event, a list of events, or JSON Lines"
_EXAMPLE = (
    '{"patient_id": "2", "medication_name": "Heparin", "action": "start", '
    '"event_time": "2021-01-01T02:00:00Z"}'
)


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BadParameter("body", f"is longer than {limit} bytes: post it in parts", _EXAMPLE)
    return bytes(body)


def _rows(body: bytes) -> Iterable[Row]:
    """Take a body apart: all of it, so that nothing of a broken one is published."""
    if body.lstrip()[:1] == b"{":
        # One event may be spread over lines, which JSON Lines can't.
        with suppress(ValueError, RecursionError):
            return [Row(0, json.loads(body))]
    elif body.lstrip()[:1] != b"[":
        raise BadParameter("body", f"is not JSON: {_FORMS}", _EXAMPLE)
    try:
        return list(rows_of(decode(io.BytesIO(body))))
    except UnreadableInput as error:
        raise BadParameter("body", f"{error}: {_FORMS}", _EXAMPLE) from None


def _numbered(rows: Iterable[Row]) -> Iterable[Row]:
    return (row._replace(line=index) for index, row in enumerate(rows))


async def _publish(
    publisher: EventPublisher, events: Sequence[MedicationEvent], batch_size: int
) -> None:
    batches = [events[at : at + batch_size] for at in range(0, len(events), batch_size)]
    await asyncio.gather(*(publisher.publish(batch) for batch in batches))


_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {
        "model": Outcome | Problems,
        "description": "Nothing in the request is an event, or it can't be read",
    },
    503: {"model": Unavailable, "description": "RabbitMQ has not confirmed"},
}


def _request_content() -> dict[str, Any]:
    event = _event_schema()
    lines = {"schema": {"type": "string", "description": "One event a line."}}
    one_or_more = {"anyOf": [event, {"type": "array", "items": event, "minItems": 1}]}
    return {"application/json": {"schema": one_or_more}, "application/x-ndjson": lines}


def _event_schema() -> dict[str, Any]:
    """Give the event's schema with references resolved, as OpenAPI keeps them elsewhere."""
    schema = TypeAdapter(MedicationEvent).json_schema()
    action = schema.pop("$defs")["Action"]
    del schema["properties"]["action"]["$ref"]
    schema["properties"]["action"] |= action
    return schema
