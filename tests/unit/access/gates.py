"""A service of two routes behind its gate, asked without a server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from runtime.access.callers import EVENTS_WRITE, PERIODS_READ, caller_of
from runtime.access.configured import configured_access
from runtime.access.routes import OPEN, Routes
from runtime.access.settings import AccessSettings
from runtime.access.token_file import COLUMNS, Token

ROUTES: Routes = {
    ("GET", "/periods"): PERIODS_READ,
    ("POST", "/events"): EVENTS_WRITE,
    ("GET", "/health/live"): OPEN,
}


async def _tell_who_asks(scope: Scope, receive: Receive, send: Send) -> None:
    caller = caller_of(Request(scope).scope)
    name = "" if caller is None else caller.subject
    await PlainTextResponse(name)(scope, receive, send)


@asynccontextmanager
async def guarded(
    settings: Mapping[str, object] | None = None,
    url: str = "http://127.0.0.1",
    server: tuple[str, int] = ("127.0.0.1", 8000),
    scope: Mapping[str, object] | None = None,
) -> AsyncIterator[AsyncClient]:
    """Give a client of the service; who lets a request through, the answer names its caller.

    ``url`` is by what name it is asked, ``server`` at which of its addresses the request comes in,
    ``scope`` what else is to be in ASGI's.
    """
    access = configured_access(AccessSettings(**settings or {}), ROUTES)  # type: ignore[arg-type]
    gate = access.guard(FastAPI(), _tell_who_asks)

    async def at_server(asked: Scope, receive: Receive, send: Send) -> None:
        await gate({**asked, "server": server, **(scope or {})}, receive, send)

    async with AsyncClient(transport=ASGITransport(at_server), base_url=url) as client:
        yield client


def token_file(folder: Path, *tokens: Token) -> Path:
    """Write a file of tokens."""
    file = folder / "tokens.csv"
    rows = (COLUMNS, *(each.row() for each in tokens))
    file.write_text("".join(f"{','.join(row)}\n" for row in rows))
    return file


def bearer(token: str) -> dict[str, str]:
    """Make the header that sends a token."""
    return {"Authorization": f"Bearer {token}"}
