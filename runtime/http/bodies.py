"""The bodies of requests: read and unpacked no further than there is room for them."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

from fastapi import Request

from runtime.gzip_data import unpacker

_NOT_PACKED = {"", "identity"}
_GZIP = {"gzip", "x-gzip"}


class BodyRefused(Exception):
    """A body is not taken; the text tells why."""

    status = 422


class BodyTooLong(BodyRefused):
    """A body is longer than it may be; the rest of it was not read."""

    status = 413


class BodyUnreadable(BodyRefused):
    """A body is not packed as its ``Content-Encoding`` says."""

    status = 415


class BodyTooSlow(BodyRefused):
    """A body has not come within the time that there is for one."""

    status = 408


class NoRoom(BodyRefused):
    """What is being received and worked on takes all the memory that there is for bodies."""

    status = 503


_PART_BYTES = 64 * 1024
_SMALL_BYTES = 64 * 1024


class Bodies:
    """Reads the bodies of requests, and bounds the memory of those that are in work.

    All together may hold as much as one alone, small ones aside: what a body holds in work is many
    times what it has in bytes.
    """

    def __init__(self, limit: int, *, seconds: float = 60.0) -> None:
        """``limit`` is in bytes, packed and unpacked; within ``seconds`` a body must have come."""
        self.limit = limit
        self._seconds = seconds
        self._held = 0

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body, packed with gzip or not; it is held until the context ends.

        Raises:
            BodyTooLong: it is longer than the limit.
            BodyTooSlow: it has not come within the time.
            BodyUnreadable: it is packed in another way, or broken.
            NoRoom: it does not fit beside others; it may later.

        """
        body = bytearray()
        held = 0
        try:
            async with _deadline(self._seconds), aclosing(self._parts_of(request)) as parts:
                async for part in parts:
                    body += part
                    if len(body) > self.limit:
                        raise BodyTooLong("it is too long")
                    if len(body) > _SMALL_BYTES:
                        self._hold(len(body) - held)
                        held = len(body)
            whole = bytes(body)
            body.clear()
            yield whole
        finally:
            self._held -= held

    def _hold(self, length: int) -> None:
        if self._held + length > self.limit:
            raise NoRoom("other large bodies are in work")
        self._held += length

    async def _parts_of(self, request: Request) -> AsyncGenerator[bytes]:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding in _GZIP:
            async for part in _unpacked(request, self.limit):
                yield part
        elif encoding in _NOT_PACKED:
            async for part in request.stream():
                yield part
        else:
            raise BodyUnreadable("its Content-Encoding is none that is read: only gzip is")


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise BodyTooSlow(f"it has not come within {seconds:g} s") from None


async def _unpacked(request: Request, limit: int) -> AsyncIterator[bytes]:
    unpacking = _Gzip(limit)
    try:
        async for chunk in request.stream():
            for part in unpacking.feed(chunk):
                yield part
        unpacking.end()
    except (zlib.error, EOFError) as error:
        raise BodyUnreadable(f"the gzip data is broken: {error}") from None


class _Gzip:
    """Unpacks gzip as it comes, a part at a time: what is too long is never unpacked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._packed = 0
        self._member = unpacker()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._packed += len(chunk)
        if self._packed > self._limit:
            raise BodyTooLong("it is too long")
        is_full = False
        while chunk or is_full:
            if self._member.eof:  # files that are packed one by one may be joined
                self._member = unpacker()
            part = self._member.decompress(chunk, _PART_BYTES)
            yield part
            # A part that is full may have more behind it, even of a chunk that is taken in.
            is_full = len(part) == _PART_BYTES and not self._member.eof
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def end(self) -> None:
        if not self._member.eof:
            raise EOFError("it ends too early")
