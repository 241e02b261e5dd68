"""Frames: messages as MLLP sends them, each between VT and FS CR."""

import asyncio

from publisher_app.formats.hl7.messages import MOST_CHARACTERS

AT_ONCE = 64 * 1024
"""So much of a frame, and once more, a connection holds beside what was taken from it."""

_VT, _END = b"\x0b", b"\x1c\r"
_BETWEEN = b"\r\n"
_SECONDS = 60.0


class NoFrame(Exception):
    """What comes is no frame, or not a whole one; the text says why."""


def framed(content: bytes) -> bytes:
    """Put a message into a frame."""
    return _VT + content + _END


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """Read the next message; None where the sender has ended.

    Raises:
        NoFrame: it is none; what follows it can't be told apart from it.

    """
    beginning = _BETWEEN[:1]
    while beginning and beginning in _BETWEEN:
        beginning = await reader.read(1)
    if not beginning:
        return None
    if beginning != _VT:
        raise NoFrame("what it sends does not begin with VT")
    try:
        async with asyncio.timeout(_SECONDS):
            return await _read_to_end(reader)
    except TimeoutError:
        raise NoFrame("its message has not ended in time") from None
    except asyncio.IncompleteReadError:
        raise NoFrame("it was closed within a message") from None


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    message = bytearray()
    while not message.endswith(_END):
        try:
            message += await reader.readuntil(_END)
        except asyncio.LimitOverrunError as error:
            # Without what the end may have begun with.
            message += await reader.readexactly(error.consumed)
        if len(message) > MOST_CHARACTERS + len(_END):
            raise NoFrame("its message is longer than 1 MiB")
    return bytes(message[: -len(_END)])
