"""Forms: what else would stand in a request's address, and with it in the logs of each proxy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, get_origin

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams
from starlette.types import Scope

from runtime.http.bodies import Bodies, BodyRefused
from runtime.http.heads import MAX_HEAD_BYTES
from runtime.http.openapi import inlined
from runtime.http.problems import BadParameters, Problem, Refusal

FORM = "application/x-www-form-urlencoded"

RESPONSES: dict[int | str, dict[str, Any]] = {
    408: {"model": Refusal, "description": "The form has not come within a minute"},
    413: {"model": Refusal, "description": f"The form is longer than {MAX_HEAD_BYTES} bytes"},
    415: {"model": Refusal, "description": "The body is no form, or is packed oddly"},
}
"""How a route that takes a form answers besides, for its description."""

_IN_ADDRESS = "stands in the address, where nothing of a form is read: put it into the form"

Note = Callable[[Scope, Mapping[str, Sequence[str]]], None]
"""Keeps what the form of a request asks for, as it came: values by the names of parameters."""

Asked = TypeVar("Asked", bound=BaseModel)


class GivenForm:
    """Reads the form in a request's body: no more is taken than fits in an address."""

    def __init__(self, note: Note) -> None:
        """Have ``note`` told of what is asked for, before it is read."""
        self._note = note
        self._bodies = Bodies(MAX_HEAD_BYTES)

    async def given(self, request: Request) -> Mapping[str, Sequence[str]]:
        """Return the values by their names.

        Raises:
            HTTPException: 415, it is no form in UTF-8; 413 or 408, it is too long or slow.

        """
        _check_type(request.headers.get("content-type", ""))
        try:
            async with self._bodies.of(request) as body:
                # Some write letters as they are, such as curl.
                given = grouped(QueryParams(body.decode()))
        except BodyRefused as error:
            # Nobody reads the rest of it.
            headers = {"Connection": "close"}
            raise HTTPException(error.status, f"the body: {error}", headers) from None
        except UnicodeError:
            raise HTTPException(415, "the body: it is not UTF-8") from None
        self._note(request.scope, given)
        return given


class Form(GivenForm, Generic[Asked]):
    """Reads a query's model from the form in a request's body: a dependency of a route.

    What is read, and what is refused, is the same as in the address: names may be repeated, and
    those of nothing that is known are for the model to judge.
    """

    def __init__(self, model: type[Asked], note: Note) -> None:
        super().__init__(note)
        self._model = model
        self._fields = {field.alias or name: field for name, field in model.model_fields.items()}

    async def __call__(self, request: Request) -> Asked:
        """Read it.

        Raises:
            HTTPException: as ``given`` raises it.
            BadParameters: a parameter is missing or wrong, or stands in the address.

        """
        given = await self.given(request)
        if named := dict.fromkeys(request.query_params.keys()):
            raise BadParameters(
                [Problem(parameter=name, reason=_IN_ADDRESS, example=None) for name in named]
            )
        try:
            return self._model.model_validate(dict(self._values(given)))
        except ValidationError as error:
            raise BadParameters.of(self._model, error) from None

    def described(self) -> dict[str, Any]:
        """Describe the body for a route's ``openapi_extra``."""
        schema = inlined(self._model.model_json_schema())
        for parameter in schema["properties"].values():
            if parameter.get("type") == "array":
                # The examples are of one value, as an address has it.
                parameter["examples"] = [[each] for each in parameter["examples"]]
            # In a form there is no null: what is not given is left out.
            if "anyOf" in parameter:
                kinds = parameter["anyOf"]
                parameter["anyOf"] = [each for each in kinds if each != {"type": "null"}]
            if "default" in parameter and parameter["default"] is None:
                del parameter["default"]
        return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}

    def _values(self, given: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, object]]:
        for name, values in given.items():
            field = self._fields.get(name)
            is_list = field is not None and get_origin(field.annotation) is list
            yield name, values if is_list else values[-1]


def grouped(given: QueryParams) -> Mapping[str, Sequence[str]]:
    """Give the values by their names: to look for those of one name takes as long as for all."""
    values: dict[str, list[str]] = {}
    for name, value in given.multi_items():
        values.setdefault(name, []).append(value)
    return values


def _check_type(content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"the header Content-Type must be {FORM}")
