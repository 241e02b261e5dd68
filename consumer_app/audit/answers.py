"""An ASGI layer that lets no answer about a patient out before it is recorded.

It stands around the gate, so that who is refused is recorded, too.
"""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import uuid4

from msgspec.structs import replace
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consumer_app.audit.errors import AuditUnavailable, Unrecordable
from consumer_app.audit.records import READ, REFRESH, Record, now
from consumer_app.patients import asked_patient, patient_parameters
from contracts import checked_patient
from contracts.event import MAX_IDENTIFIER_CHARACTERS
from runtime.access.callers import PATIENTS_SEARCH, PERIODS_READ, Caller, caller_of
from runtime.access.routes import Routes, Table
from runtime.http.problems import Unavailable

Parameters = Mapping[str, Sequence[str]]
"""What a request asks for, as it came: values by the names of parameters."""

REQUEST_ID = b"x-request-id"
"""Of requests and answers: what a request is called here and in others' logs."""
REFRESH_HEADER = b"x-refresh"
"""Of requests: 1 where a page asks again by itself what it was asked to show before."""

_REQUEST_ID = re.compile(rb"[\w.:/+=@-]{1,128}", re.ASCII)
_OF_PATIENTS = (PERIODS_READ, PATIENTS_SEARCH)
_STATE, _ASKED = "state", "asked"
_NOBODY = Caller("", ())
_MINUTE_SECONDS = 60
_MOST_OF_UNKNOWN = 600
"""So many records a minute are made of those whom nobody knows."""
_MOST_CHARACTERS = 8192
"""Of parameters, whose names and values nothing else limits."""
_LEFT_OUT = "left_out"
_CUT = "…"
# An answer takes a millisecond. Who is longer is not waited for.
_SOON_SECONDS = 0.1
_RETRY_AFTER_SECONDS = 5


def note_parameters(scope: MutableMapping[str, Any], parameters: Parameters) -> None:
    """Tell what a request asks for where its address does not: in its body."""
    scope.setdefault(_STATE, {})[_ASKED] = parameters


class RecordedAnswers:
    """Holds the answers of routes that tell of patients back until they are recorded.

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
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; record the answer where it is one about a patient."""
        route = _route(self._table, scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        asked = _Asked.of(scope, route)
        refused = False

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
                finally:
                    has_come()
            if not refused:
                await named(message)

        with self._one_coming() as has_come:
            await self._app(scope, receive, recorded)

    @contextmanager
    def _one_coming(self) -> Iterator[Callable[[], None]]:
        """Count a request among those that will soon be recorded; yield what counts it no more.

        Nobody waits for one that is long in coming, nor for a reader who is slow.
        """
        is_counted = True
        self._coming += 1

        def has_come() -> None:
            nonlocal is_counted
            self._coming -= is_counted
            is_counted = False

        soon = asyncio.get_running_loop().call_later(_SOON_SECONDS, has_come)
        try:
            yield has_come
        finally:
            soon.cancel()
            has_come()

    async def _note(self, scope: Scope, asked: "_Asked", status: int) -> None:
        caller = caller_of(scope)
        if caller is not None:
            record = asked.record(scope, caller, status, self._server)
            await self._record(record, self._coming)
        elif self._unknown.takes(asked.address, status):
            await self._note_unknown(asked.record(scope, None, status, self._server))

    async def _note_unknown(self, record: Record) -> None:
        left_out = self._unknown.count_left_out()
        if left_out:
            record = replace(record, parameters={_LEFT_OUT: [str(left_out)]})
        try:
            await self._record(record, self._coming)
        except Unrecordable:
            # Nor would the next one be: it must not be tried each time.
            raise
        except AuditUnavailable:
            self._unknown.forget(record.address, record.outcome, left_out)
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

    def record(self, scope: Scope, caller: Caller | None, status: int, server: str) -> Record:
        """Record what is answered; of those whom nobody knows no more than whom they ask about."""
        parameters = scope.get(_STATE, {}).get(_ASKED)
        if parameters is None:
            query: bytes = scope["query_string"]
            parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        who = caller or _NOBODY
        return Record(
            time=now(),
            kind=self.kind,
            outcome=status,
            subject=who.subject or None,
            client=who.client,
            token=who.token_id,
            address=self.address,
            server=server,
            method=scope["method"],
            route=self.route,
            patient=_patient(self.route, parameters),
            parameters=_others(self.route, parameters) if caller else {},
            request_id=self.request_id.decode(),
        )


class _Unknown:
    """Those of whom nobody knows who they are: else they could fill the disk.

    Of an address, each status that it gets is recorded once a minute, while there are not too many
    addresses. How many answers were left out for that is told with the next one that is recorded.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = 0
        self._seen: set[tuple[str | None, int | None]] = set()
        self._left_out = 0

    def takes(self, address: str | None, status: int) -> bool:
        minute = int(self._clock() / _MINUTE_SECONDS)
        if minute != self._minute:
            self._minute, self._seen = minute, set()
        seen = _network(address), status
        if seen in self._seen:
            return False
        if len(self._seen) >= _MOST_OF_UNKNOWN:
            self._left_out += 1
            return False
        self._seen.add(seen)
        return True

    def count_left_out(self) -> int:
        """Count, from the last time on."""
        left_out, self._left_out = self._left_out, 0
        return left_out

    def forget(self, address: str | None, status: int | None, left_out: int) -> None:
        """Hear that one was not recorded after all."""
        self._seen.discard((_network(address), status))
        self._left_out += left_out


def _network(address: str | None) -> str | None:
    """Return what one client has as its own: of IPv6 that is a network of 64 bits."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(IPv6Network((int(found), 64), strict=False))
    return address


def _route(table: Table, scope: Scope) -> str | None:
    """Return the template of the route that a request asks for; None where it reads no patient."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    is_of_patients = table.methods(scope).get(method) in _OF_PATIENTS
    return table.template(scope) if is_of_patients else None


def _patient(route: str, parameters: Parameters) -> str | None:
    """Return the patient who is asked about, as the events name them where that can be told."""
    asked = asked_patient(route, parameters)
    if asked is None:
        return None
    try:
        return checked_patient(asked)
    except ValueError:
        return _cut(asked)


def _cut(patient: str) -> str:
    if len(patient) <= MAX_IDENTIFIER_CHARACTERS:
        return patient
    return f"{patient[:MAX_IDENTIFIER_CHARACTERS]}{_CUT}"


def _others(route: str, parameters: Parameters) -> Parameters:
    """Return what else is asked for, and a mark in the place of what is too long."""
    named = patient_parameters(route)
    kept: dict[str, list[str]] = {}
    left = _MOST_CHARACTERS
    for name, values in parameters.items():
        for value in values if name not in named else ():
            left -= len(name) + len(value)
            if left < 0:
                return {**kept, _CUT: [_CUT]}
            kept.setdefault(name, []).append(value)
    return kept


def _unavailable(error: AuditUnavailable) -> JSONResponse:
    detail = f"{error}; what is not recorded is not answered, and repeating the request is safe"
    headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
    return JSONResponse(Unavailable(detail=detail).model_dump(), 503, headers)
