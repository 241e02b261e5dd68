"""The gate in front of a service: an ASGI app that lets through what its table lists."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.access.callers import (
    PERIODS_READ,
    Caller,
    IssuerUnavailable,
    NoToken,
    Unauthorized,
    put_caller,
)
from runtime.access.hosts import IsServed
from runtime.access.routes import OPEN, Routes, Table
from runtime.http.fhir import Issue, outcome

_FHIR = "/fhir/"
_CHALLENGE = 'Bearer realm="medication-periods"'


class Refused(Exception):
    """A request is not let through."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.answer: Response = JSONResponse({"detail": detail}, status, headers)


class _NotInFhir(Refused):
    """An address of FHIR's, or a method of one, is not there: told as FHIR tells it."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        words = f"{detail}: GET /fhir/metadata says what is understood"
        self.answer = outcome(status, [Issue("not-supported", words)], headers)


class NotConfigured(Exception):
    """Nobody has said who may ask from elsewhere; the text says what to do."""


Identify = Callable[[Scope], Awaitable[Caller]]
"""Tells who asks; raises Unauthorized, IssuerUnavailable, or NotConfigured."""


class Gate:
    """Lets a request through to the app behind it where its caller may do what it asks for."""

    def __init__(self, app: ASGIApp, routes: Routes, identify: Identify, serves: IsServed) -> None:
        """Have ``serves`` tell whether a request names the app."""
        self._app = app
        self._table = Table(routes)
        self._identify = identify
        self._serves = serves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with why not."""
        if scope["type"] != "http":
            # There is nothing else here: what is a WebSocket is closed before it is opened.
            await send({"type": "websocket.close"})
            return
        try:
            await self._check(scope)
        except Refused as refused:
            await refused.answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        refused = _NotInFhir if f"{scope['path']}/".startswith(_FHIR) else Refused
        needed = _needed(self._table.methods(scope), scope["method"], refused)
        if needed == OPEN:
            return
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not self._serves(hosts[0]):
            raise Refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                "the service is not known by the name that the Host header gives: "
                "list it in ACCESS_HOSTS",
            )
        caller = await self._caller(scope)
        put_caller(scope, caller)
        _check_rights(caller, needed)

    async def _caller(self, scope: Scope) -> Caller:
        try:
            return await self._identify(scope)
        except Unauthorized as error:
            raise _unauthorized(error) from None
        except IssuerUnavailable as error:
            again = {"Retry-After": str(error.retry_after_seconds)}
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error), again) from None
        except NotConfigured as error:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None


def _needed(methods: Mapping[str, str], method: str, refused: type[Refused]) -> str:
    if not methods:
        raise refused(HTTPStatus.NOT_FOUND, "Not Found")
    needed = methods.get("GET" if method == "HEAD" else method)
    if needed is None:
        allowed = {*methods, "HEAD"} if "GET" in methods else set(methods)
        allow = {"Allow": ", ".join(sorted(allowed))}
        raise refused(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed", allow)
    return needed


def _unauthorized(error: Unauthorized) -> Refused:
    challenge = _CHALLENGE
    if not isinstance(error, NoToken):
        challenge += f', error="invalid_token", error_description="{error}"'
    return Refused(HTTPStatus.UNAUTHORIZED, str(error), {"WWW-Authenticate": challenge})


def _check_rights(caller: Caller, needed: str) -> None:
    if needed not in caller.scopes:
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{needed}"'
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"the token lacks the scope {needed}",
            {"WWW-Authenticate": challenge},
        )
    if caller.patient is not None and needed != PERIODS_READ:
        raise Refused(
            HTTPStatus.FORBIDDEN, "a token that is limited to one patient can only read of them"
        )
