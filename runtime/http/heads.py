"""How long the head of a request may be: its first line and its headers.

uvicorn bounds it where h11 parses, but not where httptools does, which keeps of a header that has
not ended whatever comes.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""What h11 allows. One that comes in one piece may be as long as the socket's buffer beyond it."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection on which more comes without ending a head, or being part of a body."""

    _unfinished = 0

    def data_received(self, data: bytes) -> None:
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        self._unfinished = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        super().on_body(body)


def bound_heads() -> None:
    """Make each connection of uvicorn's a bounded one.

    FastStream hands a protocol on to uvicorn, but not to the processes of its ``--workers``.
    """
    HttpToolsProtocol.__new__ = lambda *_, **__: object.__new__(BoundedProtocol)  # type: ignore[method-assign,assignment]
