"""HEAD, which FastAPI answers with 405: it is answered wherever GET is."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from starlette.responses import Response
from starlette.types import Scope


def head_as_get(scope: Scope) -> Scope:
    """Let what answers GET answer HEAD; uvicorn leaves the body out."""
    return {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope


def allow_head(api: FastAPI) -> None:
    """Name HEAD beside GET where another method is refused."""

    @api.exception_handler(HTTPStatus.METHOD_NOT_ALLOWED)
    async def not_allowed(request: Request, error: HTTPException) -> Response:
        methods = set((error.headers or {})["Allow"].split(", "))
        allowed = sorted(methods | {"HEAD"} if "GET" in methods else methods)
        error.headers = {"Allow": ", ".join(allowed)}
        return await http_exception_handler(request, error)
