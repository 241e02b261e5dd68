"""How long the head of a request, its first line and its headers, may be, and may take to come.

uvicorn bounds its length where h11 parses, but not where httptools does, which keeps of a header
that has not ended whatever comes; and it waits for its end for ever.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""What h11 allows. One that comes in one piece may be as long as the socket's buffer beyond it."""

MAX_HEAD_SECONDS = 60.0
"""To a head's end, from a connection's beginning, or from the first byte behind a request: that is,
behind its body, or where it is answered before all of that has come, behind the answer."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection on which too much comes, or for too long, without an end.

    That is the end of a head, or of a part of a body, which have bounds of their own elsewhere.
    """

    _unfinished = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._set_deadline()
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        self._end()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._end_of_part()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._end_of_part()
        super().on_message_complete()

    def _end_of_part(self) -> None:
        self._unfinished = 0
        # Of a body that is answered already nobody reads the rest, nor waits for it: that rest and
        # the next head have a minute together.
        if not self.cycle.response_complete:
            self._end()

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(MAX_HEAD_SECONDS, self.transport.close)

    def _end(self) -> None:
        self._unfinished = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bound_heads() -> None:
    """Make each connection of uvicorn's a bounded one.

    FastStream hands a protocol on to uvicorn, but not to the processes of its ``--workers``.
    """
    HttpToolsProtocol.__new__ = lambda *_, **__: object.__new__(BoundedProtocol)  # type: ignore[method-assign,assignment]
