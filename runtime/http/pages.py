"""Pages of HTML that load nothing from elsewhere, and the two that document a service."""

import asyncio
import gzip
import html
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from runtime.http.packing import wants_packed

_HERE = Path(__file__).parent
_WEB = _HERE / "web"
BUILT = _HERE / "static"
"""What `make assets` makes of our modules and of npm packages."""

_SECURITY = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
_READING = ("GET", "HEAD")
# A browser asks each time whether a file has changed, so an upgrade is never half seen.
_REVALIDATE = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class Assets(StaticFiles):
    """A folder of scripts and styles, which may be there later than the service."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)

    async def check_config(self) -> None:
        """Answer 404 of a folder that is not there yet, where Starlette would answer 500."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file; other methods with those that there are, which Starlette leaves out.

        Raises:
            HTTPException: there is no such file, or it can't be written.

        """
        if scope["method"] not in _READING:
            raise HTTPException(405, headers={"Allow": ", ".join(_READING)})
        response = await super().get_response(path, scope)
        if isinstance(response, FileResponse) and wants_packed(scope):
            return await _packed(response)
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with the file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_REVALIDATE)
        if isinstance(response, FileResponse) and str(full_path).endswith((".js", ".mjs")):
            # What a system says of these differs, and a browser runs no module of another type.
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        return response


async def _packed(response: FileResponse) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    packed = await asyncio.to_thread(_packed_file, str(response.path), headers["etag"])
    return Response(packed, headers={**headers, "content-encoding": "gzip"})


@lru_cache(maxsize=64)
def _packed_file(path: str, _etag: str) -> bytes:
    """Pack a file as well as can be, once for each of its versions."""
    return gzip.compress(Path(path).read_bytes(), mtime=0)


def page(
    template: Path, needs: Sequence[str], values: Mapping[str, str], *, asks: str | None = None
) -> HTMLResponse:
    """Answer with a page, or say how to build the vendors' files that it needs.

    ``asks`` is a URL of the one site besides its own that it may ask.
    """
    is_built = all((BUILT / each).exists() for each in needs)
    text = (template if is_built else _WEB / "not-built.html").read_text(encoding="utf-8")
    escaped = {name: html.escape(value) for name, value in values.items()}
    return HTMLResponse(
        Template(text).substitute(escaped),
        status_code=200 if is_built else 503,
        headers={"Content-Security-Policy": _policy(asks)} | _SECURITY | _REVALIDATE,
    )


def _policy(asks: str | None) -> str:
    parts = urlsplit(asks or "")
    site = f" {parts.scheme}://{parts.netloc}" if asks else ""
    return "; ".join((*_POLICY, f"connect-src 'self'{site}"))


def document(
    api: FastAPI, asyncapi: Callable[[], dict[str, Any]], *, try_it_out: str | None = None
) -> None:
    """Serve the pages of a service's OpenAPI and AsyncAPI documents.

    ``try_it_out`` is the address that publishes a message, where that is switched on.
    """
    api.mount("/static/vendor", Assets(BUILT))
    api.mount("/static/documentation", Assets(_WEB))

    @api.get("/docs", include_in_schema=False)
    def openapi_page() -> HTMLResponse:
        needs = ["swagger-ui-dist/swagger-ui-bundle.js"]
        return page(_WEB / "openapi.html", needs, {"title": api.title})

    @api.get("/asyncapi", include_in_schema=False)
    def asyncapi_page() -> HTMLResponse:
        values = {"title": api.title, "try_it_out": try_it_out or ""}
        return page(_WEB / "asyncapi.html", ["react-component/without-parser.js"], values)

    @api.get("/asyncapi.json", include_in_schema=False)
    def asyncapi_document() -> JSONResponse:
        return JSONResponse(asyncapi())


def begin_with_documentation(api: FastAPI) -> None:
    """Lead who opens a service that has no page of its own to what describes it."""

    @api.get("/", include_in_schema=False)
    def start() -> RedirectResponse:
        return RedirectResponse("docs")
