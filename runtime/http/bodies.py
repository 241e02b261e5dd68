"""The body of a request, read no further than it may be long."""

from fastapi import Request


class BodyTooLong(Exception):
    """A body is longer than it may be; the rest of it was not read."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of up to ``limit`` bytes.

    Raises:
        BodyTooLong: it is longer.

    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLong
    return bytes(body)
