"""How HTTP tells a caller what was wrong: by parameter, in words that show a valid value."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from starlette.requests import ClientDisconnect

logger = logging.getLogger(__name__)

# nginx's word for it, for the access log.
_CLIENT_CLOSED_REQUEST = 499
_UNKNOWN = "extra_forbidden"
# Each unknown name is compared with all that are known, and a request can hold thousands of them.
_MOST_TOLD = 20


class Problem(BaseModel):
    """One thing wrong with a request."""

    parameter: str = Field(description="What is wrong.", examples=["patient_id"])
    reason: str = Field(description="Why.", examples=["Field required"])
    example: str | None = Field(default=None, description="A valid value.", examples=["2"])


class Problems(BaseModel):
    """All that is wrong with a request."""

    detail: list[Problem]


class Unavailable(BaseModel):
    """What the service needs is away; the request may be repeated as it is."""

    detail: str = Field(examples=["RabbitMQ has not confirmed: TimeoutError"])


class Refusal(BaseModel):
    """The request is not taken as it is; nothing of it was done."""

    detail: str = Field(
        description="What to do instead.",
        examples=["the body: it has not come within 60 s"],
    )


class Unreadable(BaseModel):
    """What is stored is at fault; repeating the request is of no use before it is mended."""

    detail: str = Field(examples=["an event that is stored of the patient can't be read: …"])


class BadParameters(Exception):
    """Parameters that are missing or wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{each.parameter}: {each.reason}" for each in problems))
        self.problems = problems

    @staticmethod
    def of(model: type[BaseModel], refusal: ValidationError) -> "BadParameters":
        """Tell why the model of a query refuses what was given."""
        return BadParameters(
            _problems(((each["loc"][0], each) for each in refusal.errors()), [model])
        )


class BadParameter(BadParameters):
    """A parameter that is wrong together with another, or with what is stored."""

    def __init__(self, parameter: str, reason: str, example: str | None) -> None:
        super().__init__([Problem(parameter=parameter, reason=reason, example=example)])


class Busy(Exception):
    """What is asked for can't be done now, as others are before it; it may be asked again."""

    def __init__(self, why: str, retry_after_seconds: int) -> None:
        super().__init__(why)
        self.retry_after_seconds = retry_after_seconds


def answer_problems(
    api: FastAPI, *, unavailable: type[Exception], unreadable: type[Exception] | None = None
) -> None:
    """Make an app answer bad requests with 422, ``unavailable`` and Busy with 503.

    What is ``unreadable`` is answered with 500, and logged. To a client that has gone nothing is
    told any more, and to leave is no fault.
    """

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        refused = ((each["loc"][1], each) for each in error.errors())
        return _answer(_problems(refused, [*_queries(request.scope["route"])]))

    @api.exception_handler(BadParameters)
    async def bad(_: Request, error: BadParameters) -> JSONResponse:
        return _answer(error.problems)

    @api.exception_handler(unavailable)
    async def away(_: Request, error: Exception) -> JSONResponse:
        detail = f"{error}; repeating the request is safe"
        return JSONResponse(Unavailable(detail=detail).model_dump(), status_code=503)

    @api.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> JSONResponse:
        seconds = error.retry_after_seconds
        detail = f"{error}; ask again in {seconds} s"
        headers = {"Retry-After": str(seconds)}
        return JSONResponse(Unavailable(detail=detail).model_dump(), 503, headers)

    @api.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)

    if unreadable is not None:

        @api.exception_handler(unreadable)
        async def broken(_: Request, error: Exception) -> JSONResponse:
            logger.error("a request can't be answered: %s", error)
            return JSONResponse(Unreadable(detail=str(error)).model_dump(), status_code=500)


def _queries(route: APIRoute) -> Iterator[type[BaseModel]]:
    for parameter in route.dependant.query_params:
        query = parameter.field_info.annotation
        if isinstance(query, type) and issubclass(query, BaseModel):
            yield query


def _problems(
    refused: Iterable[tuple[object, Mapping[str, Any]]], queries: Sequence[type[BaseModel]]
) -> list[Problem]:
    """Tell why parameters are refused; ``queries`` are the models that declare those known."""
    fields = {
        field.alias or name: field
        for query in queries
        for name, field in query.model_fields.items()
    }
    return [_problem(str(name), error, fields) for name, error in islice(refused, _MOST_TOLD)]


def _problem(name: str, error: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> Problem:
    if error["type"] == _UNKNOWN:
        return Problem(parameter=name, reason=_unknown(name, fields))
    examples = fields[name].examples if name in fields else None
    return Problem(
        parameter=name, reason=error["msg"], example=str(examples[0]) if examples else None
    )


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"is not known: {near[0]} may be meant"
    return f"is not known: there are {', '.join(known)}"


def _answer(problems: Sequence[Problem]) -> JSONResponse:
    return JSONResponse(Problems(detail=list(problems)).model_dump(), status_code=422)
