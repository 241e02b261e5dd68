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


async def frame_begins(reader: asyncio.StreamReader) -> bool:
    """Wait for the beginning of the next frame; False where the sender has ended.

    Raises:
        NoFrame: what begins is none, and what follows can't be told apart from it.

    """
    beginning = _BETWEEN[:1]
    while beginning and beginning in _BETWEEN:
        beginning = await reader.read(1)
    if beginning not in (b"", _VT):
        raise NoFrame("what it sends does not begin with VT")
    return bool(beginning)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Read the message of a frame that has begun.

    Raises:
        NoFrame: it does not end, or is too long.

    """
    try:
        async with asyncio.timeout(_SECONDS) as limit:
            return await _read_to_end(reader)
    except TimeoutError:
        # The system ends a connection likewise, whose other end is gone.
        why = "its message has not ended in time" if limit.expired() else "its sender is gone"
        raise NoFrame(why) from None
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
