"""A body is read, and unpacked, up to its limit; what is longer is given up early."""

import asyncio
import gzip
import random
from collections.abc import Sequence

import pytest
from fastapi import Request

from runtime.http.bodies import Bodies, BodyTooLong, BodyTooSlow, BodyUnreadable, NoRoom

LIMIT = 10_000
TEXT = bytes(range(256)) * (LIMIT // 256)


class Sent:
    """A request whose body comes in parts; counts the parts that were taken."""

    def __init__(self, parts: Sequence[bytes], encoding: str | None) -> None:
        self.parts = parts
        self.taken = 0
        headers = [] if encoding is None else [(b"content-encoding", encoding.encode())]
        scope = {"type": "http", "method": "POST", "headers": headers}
        self.request = Request(scope, self._receive)

    async def _receive(self) -> dict[str, object]:
        self.taken += 1
        more = self.taken < len(self.parts)
        return {"type": "http.request", "body": self.parts[self.taken - 1], "more_body": more}


def parted(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)] or [b""]


async def read(body: bytes, encoding: str | None = "gzip", size: int = 1_000) -> bytes:
    async with Bodies(LIMIT).of(Sent(parted(body, size), encoding).request) as whole:
        return whole


@pytest.mark.parametrize("encoding", [None, "", "identity"])
async def test_a_body_is_read_as_it_is(encoding: str | None) -> None:
    assert await read(TEXT, encoding) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " x-gzip "])
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_gzipped_body_is_unpacked(encoding: str, size: int) -> None:
    joined = gzip.compress(TEXT[:100]) + gzip.compress(b"") + gzip.compress(TEXT[100:])
    for packed in (gzip.compress(TEXT), joined):
        assert await read(packed, encoding, size) == TEXT


async def test_the_limit_is_for_unpacked_bytes() -> None:
    assert await read(gzip.compress(bytes(LIMIT))) == bytes(LIMIT)
    with pytest.raises(BodyTooLong):
        await read(gzip.compress(bytes(LIMIT + 1)))
    with pytest.raises(BodyTooLong):
        await read(bytes(LIMIT + 1), encoding=None)


@pytest.mark.parametrize(
    "bomb", [gzip.compress(bytes(100 * LIMIT)), gzip.compress(b"") * LIMIT], ids=["one", "many"]
)
async def test_of_a_bomb_no_more_is_taken_than_the_limit_allows(bomb: bytes) -> None:
    sent = Sent(parted(bomb, 100), "gzip")
    with pytest.raises(BodyTooLong):
        async with Bodies(LIMIT).of(sent.request):
            pass
    assert sent.taken * 100 <= LIMIT + 100
    assert sent.taken < len(sent.parts)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (gzip.compress(TEXT)[:-1], "the gzip data is broken: it ends too early"),
        (b"", "the gzip data is broken: it ends too early"),
        (b"[]", "the gzip data is broken: "),
        (gzip.compress(TEXT) + b"and more", "the gzip data is broken: "),
    ],
    ids=["cut off", "empty", "not packed", "more behind"],
)
async def test_broken_gzip_is_told(body: bytes, told: str) -> None:
    with pytest.raises(BodyUnreadable, match=told):
        await read(body)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
async def test_a_packing_that_is_not_read_is_told(encoding: str) -> None:
    with pytest.raises(BodyUnreadable, match="only gzip is"):
        await read(b"[]", encoding)


LARGE = bytes(100_000)
ROOM = 250_000


@pytest.mark.fault("more large posts at once than memory holds")
async def test_large_bodies_share_the_room_of_one_and_small_ones_always_fit() -> None:
    bodies = Bodies(ROOM)

    def sent(body: bytes) -> Request:
        return Sent(parted(body, 10_000), None).request

    async with bodies.of(sent(LARGE)), bodies.of(sent(LARGE)):
        with pytest.raises(NoRoom):
            async with bodies.of(sent(LARGE)):
                pass
        async with bodies.of(sent(bytes(1_000))) as small:
            assert small == bytes(1_000)
    for _ in range(3):
        async with bodies.of(sent(bytes(ROOM))) as whole:
            assert len(whole) == ROOM


@pytest.mark.fault("post that does not end")
async def test_a_body_that_comes_too_slowly_is_given_up_and_leaves_its_room() -> None:
    bodies = Bodies(ROOM, seconds=0.05)
    scope = {"type": "http", "method": "POST", "headers": []}
    parts = iter([LARGE, LARGE])

    async def receive() -> dict[str, object]:
        if (part := next(parts, None)) is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": True}

    with pytest.raises(BodyTooSlow):
        async with bodies.of(Request(scope, receive)):
            pass
    async with bodies.of(Sent(parted(bytes(ROOM), 10_000), None).request) as whole:
        assert len(whole) == ROOM


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
async def test_what_is_unpacked_in_parts_is_whole(length: int) -> None:
    for body in (bytes(length), random.Random(length).randbytes(length)):
        packed = gzip.compress(body)
        async with Bodies(ROOM).of(Sent(parted(packed, 1_000), "gzip").request) as whole:
            assert whole == body
