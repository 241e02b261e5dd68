"""Answers packed with gzip for who takes them so.

What is packed together gives itself away by its length where somebody who can see that can also
choose a part of it (BREACH). A browser sends a token only for the page that has it, never by itself
as it does cookies, so that no other site can ask in the name of who has one. Where none is needed
other sites are refused as far as browsers tell of them, which they don't of an image over plain
HTTP: whoever sees the length there sees the answer, too. No answer holds a secret of the service.
"""

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.gzip_data import packer
from runtime.http.accepting import takes_gzip

if TYPE_CHECKING:
    import zlib

_VARY = (b"vary", b"Accept-Encoding")
_OK = 200
_UNCHANGED = (304, 412)
# So long is the answer about a patient with 160 events. What is shorter comes in the packets of one
# round trip anyway, and would take a tenth longer to make.
_SHORT_BYTES = 8 * 1024
# Of a list of periods 1 leaves 17 %, and 6 leaves 14 % in six times the time.
_LEVEL = 1
# A thread is asked where packing takes longer than asking it.
_LONG_BYTES = 64 * 1024

_takes_gzip = lru_cache(maxsize=64)(takes_gzip)


def wants_packed(scope: Scope) -> bool:
    """Return whether who asks takes the whole of an answer packed."""
    headers = Headers(scope=scope)
    return "range" not in headers and _takes_gzip(",".join(headers.getlist("accept-encoding")))


class Packed:
    """Packs answers part by part, as they are made: none is held here.

    A strong ETag is one of these very bytes, so that one of a packed answer becomes weak: it says
    what it is of, in whatever bytes. It does so, too, where nothing has changed (304, of a form
    412), as nobody knows there whether what the client has is packed. ``If-None-Match`` compares
    weakly.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        await self._app(scope, receive, _Answer(scope, send).send)


class _Answer:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._packing: zlib._Compress | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] in (_OK, *_UNCHANGED):
                message = {**message, "headers": [*message["headers"], _VARY]}
                self._begin(message["status"], MutableHeaders(scope=message))
        elif self._packing is not None:
            message = {**message, "body": await self._packed(self._packing, message)}
        await self._send(message)

    def _begin(self, status: int, headers: MutableHeaders) -> None:
        is_plain = status == _OK and "content-encoding" not in headers
        # What is short is asked first, as most answers are.
        if (is_plain and _is_short(headers)) or not wants_packed(self._scope):
            return
        if is_plain:
            self._packing = packer(_LEVEL)
            headers["Content-Encoding"] = "gzip"
            del headers["Content-Length"]
        if "etag" in headers:
            headers["ETag"] = f"W/{headers['etag'].removeprefix('W/')}"

    async def _packed(self, packing: "zlib._Compress", message: Message) -> bytes:
        body: bytes = message.get("body", b"")
        is_long = len(body) >= _LONG_BYTES
        pack = packing.compress
        packed = await asyncio.to_thread(pack, body) if is_long else pack(body)
        if message.get("more_body", False):
            return packed
        # What it takes is given back while the answer is on its way.
        self._packing = None
        return packed + packing.flush()


def _is_short(headers: Headers) -> bool:
    """Tell by the length, which all but what is streamed says."""
    return int(headers.get("content-length", _SHORT_BYTES)) < _SHORT_BYTES
