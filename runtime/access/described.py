"""What the OpenAPI document says of access: which routes need a token, and of which scope."""

from typing import Any

from fastapi import FastAPI

from runtime.access.routes import OPEN, Routes

_SCHEME = "token"
_SCHEMES = {
    _SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the site's.",
    }
}
_REFUSALS = {
    "401": "There is no token, or a bad one: `WWW-Authenticate` says why",
    "403": "The token lacks the scope, or is limited to another patient",
}
_UNKNOWN = {"421": "The service is not known by the name in the Host header"}
_DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}


def describe_access(api: FastAPI, routes: Routes, *, needs_token: bool) -> None:
    """Add to an API's document what its gate asks for, as this service is configured."""
    describe = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            _add(describe(), routes, needs_token=needs_token)
        document: dict[str, Any] = describe()
        return document

    api.openapi = described  # type: ignore[method-assign]


def _add(document: dict[str, Any], routes: Routes, *, needs_token: bool) -> None:
    if needs_token:
        document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    refusals = _REFUSALS | _UNKNOWN if needs_token else _UNKNOWN
    for (method, template), needed in routes.items():
        operation = document["paths"].get(template, {}).get(method.lower())
        if operation is None or needed == OPEN:
            continue
        if needs_token:
            operation["security"] = [{_SCHEME: [needed]}]
        for status, why in refusals.items():
            content = {"application/json": {"schema": _DETAIL}}
            operation["responses"].setdefault(status, {"description": why, "content": content})
