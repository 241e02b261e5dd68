"""How HTTP tells a caller what was wrong: by parameter, in words that show a valid value."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import ClientDisconnect

logger = logging.getLogger(__name__)

# nginx's word for it, for the access log.
_CLIENT_CLOSED_REQUEST = 499


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
        examples = _examples([model])
        return BadParameters(
            [_problem(each["loc"][0], each["msg"], examples) for each in refusal.errors()]
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
        examples = _examples(_queries(request.scope["route"]))
        return _answer([_problem(each["loc"][1], each["msg"], examples) for each in error.errors()])

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


def _examples(queries: Iterable[type[BaseModel]]) -> dict[str, str]:
    """Find the first example that the models of queries declare for each of their parameters."""
    return {
        field.alias or name: str(field.examples[0])
        for query in queries
        for name, field in query.model_fields.items()
        if field.examples
    }


def _problem(parameter: object, reason: str, examples: Mapping[str, str]) -> Problem:
    name = str(parameter)
    return Problem(parameter=name, reason=reason, example=examples.get(name))


def _answer(problems: Sequence[Problem]) -> JSONResponse:
    return JSONResponse(Problems(detail=list(problems)).model_dump(), status_code=422)
