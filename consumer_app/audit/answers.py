"""An ASGI layer that lets no answer about a patient out before it is recorded.

It stands around the gate, so that who is refused is recorded, too.
"""

import re
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import uuid4

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consumer_app.audit.errors import AuditUnavailable
from consumer_app.audit.records import READ, REFRESH, Record, now
from contracts import checked_patient
from runtime.access.callers import PERIODS_READ, Caller, caller_of
from runtime.access.routes import Routes, Table

Parameters = Mapping[str, Sequence[str]]
"""What a request asks for, as it came: values by the names of parameters."""

REQUEST_ID = b"x-request-id"
"""Of requests and answers: what a request is called here and in others' logs."""
REFRESH_HEADER = b"x-refresh"
"""Of requests: 1 where a page asks again by itself what it was asked to show before."""

_REQUEST_ID = re.compile(rb"[\w.:/+=@-]{1,128}", re.ASCII)
_PATIENT_PARAMETER = "patient_id"
_STATE, _ASKED = "state", "asked"
_NOBODY = Caller("", ())
_MINUTE_SECONDS = 60


def note_parameters(scope: MutableMapping[str, Any], parameters: Parameters) -> None:
    """Tell what a request asks for where its address does not: in its body."""
    scope.setdefault(_STATE, {})[_ASKED] = parameters


class RecordedAnswers:
    """Holds the answers of routes that ask for PERIODS_READ back until they are recorded.

    What can't be recorded is answered with 503 instead.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Routes,
        record: Callable[[Record, int], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._table = Table(routes)
        self._record = record
        self._server = socket.gethostname()
        self._unknown = _Unknown(clock)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; record the answer where it is one about a patient."""
        route = _route(self._table, scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        asked = _Asked.of(scope, route)
        refused = False
        self._under_way += 1

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (REQUEST_ID, asked.request_id)]
                message = {**message, "headers": headers}
            await send(message)

        async def recorded(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                try:
                    await self._note(scope, asked, message["status"])
                except AuditUnavailable as error:
                    refused = True
                    await _unavailable(error)(scope, receive, named)
            if not refused:
                await named(message)

        try:
            await self._app(scope, receive, recorded)
        finally:
            self._under_way -= 1

    async def _note(self, scope: Scope, asked: "_Asked", status: int) -> None:
        caller = caller_of(scope)
        if caller is None and not self._unknown.is_first(asked.address, status):
            return
        try:
            record = asked.record(scope, caller or _NOBODY, status, self._server)
            await self._record(record, self._under_way)
        except AuditUnavailable:
            self._unknown.forget(asked.address, status)
            raise


class _Asked(NamedTuple):
    """What is known of a request before it is answered."""

    route: str
    kind: str
    request_id: bytes
    address: str | None

    @classmethod
    def of(cls, scope: Scope, route: str) -> "_Asked":
        headers = dict(scope["headers"])
        given = headers.get(REQUEST_ID, b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex.encode()
        kind = REFRESH if headers.get(REFRESH_HEADER) == b"1" else READ
        client = scope.get("client")
        return cls(route, kind, request_id, client[0] if client else None)

    def record(self, scope: Scope, caller: Caller, status: int, server: str) -> Record:
        parameters = scope.get(_STATE, {}).get(_ASKED)
        if parameters is None:
            query: bytes = scope["query_string"]
            parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        return Record(
            time=now(),
            kind=self.kind,
            outcome=status,
            subject=caller.subject or None,
            client=caller.client,
            token=caller.token_id,
            address=self.address,
            server=server,
            method=scope["method"],
            route=self.route,
            patient=_patient(parameters),
            parameters={
                name: values for name, values in parameters.items() if name != _PATIENT_PARAMETER
            },
            request_id=self.request_id.decode(),
        )


class _Unknown:
    """Those of whom nobody knows who they are: else they could fill the disk.

    Of an address, each status that it gets is recorded once a minute.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = 0
        self._seen: set[tuple[str | None, int]] = set()

    def is_first(self, address: str | None, status: int) -> bool:
        minute = int(self._clock() / _MINUTE_SECONDS)
        if minute != self._minute:
            self._minute, self._seen = minute, set()
        is_first = (address, status) not in self._seen
        self._seen.add((address, status))
        return is_first

    def forget(self, address: str | None, status: int) -> None:
        self._seen.discard((address, status))


def _route(table: Table, scope: Scope) -> str | None:
    """Return the template of the route that a request asks for; None where it reads no patient."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    is_of_a_patient = table.methods(scope).get(method) == PERIODS_READ
    return table.template(scope) if is_of_a_patient else None


def _patient(parameters: Parameters) -> str | None:
    """Return the patient who is asked about, as the events name them where that can be told."""
    given = parameters.get(_PATIENT_PARAMETER)
    if not given:
        return None
    # Of several, the last is answered.
    try:
        return checked_patient(given[-1])
    except ValueError:
        return given[-1]


def _unavailable(error: AuditUnavailable) -> JSONResponse:
    detail = f"{error}; what is not recorded is not answered, and repeating the request is safe"
    return JSONResponse({"detail": detail}, 503)
