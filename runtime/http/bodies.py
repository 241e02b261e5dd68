"""The body of a request, read and unpacked no further than it may be long."""

import zlib

from fastapi import Request

from runtime.gzip_data import unpacker

_NOT_PACKED = {"", "identity"}
_GZIP = {"gzip", "x-gzip"}


class BodyTooLong(Exception):
    """A body is longer than it may be; the rest of it was not read."""


class BodyUnreadable(Exception):
    """A body is not packed as its ``Content-Encoding`` says; the text tells why, in one line."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of up to ``limit`` bytes, packed with gzip or not; the limit is for both.

    Raises:
        BodyTooLong: it is longer.
        BodyUnreadable: it is packed in another way, or broken.

    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in _GZIP:
        return await _read_gzip(request, limit)
    if encoding not in _NOT_PACKED:
        raise BodyUnreadable("its Content-Encoding is none that is read: only gzip is")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLong
    return bytes(body)


async def _read_gzip(request: Request, limit: int) -> bytes:
    unpacking = _Gzip(limit)
    try:
        async for chunk in request.stream():
            unpacking.feed(chunk)
        return unpacking.body()
    except (zlib.error, EOFError) as error:
        raise BodyUnreadable(f"the gzip data is broken: {error}") from None


class _Gzip:
    """Unpacks gzip as it comes: what is too long is never unpacked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._packed = 0
        self._body = bytearray()
        self._member = unpacker()

    def feed(self, chunk: bytes) -> None:
        self._packed += len(chunk)
        while chunk:
            if self._member.eof:  # files that are packed one by one may be joined
                self._member = unpacker()
            room = self._limit - len(self._body)
            self._body += self._member.decompress(chunk, room + 1)
            if max(len(self._body), self._packed) > self._limit:
                raise BodyTooLong
            chunk = self._member.unused_data

    def body(self) -> bytes:
        if not self._member.eof:
            raise EOFError("it ends too early")
        return bytes(self._body)
