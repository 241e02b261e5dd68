"""A body is read, and unpacked, up to its limit; what is longer is given up early."""

import gzip
from collections.abc import Sequence

import pytest
from fastapi import Request

from runtime.http.bodies import BodyTooLong, BodyUnreadable, read_body

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
    return await read_body(Sent(parted(body, size), encoding).request, LIMIT)


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
        await read_body(sent.request, LIMIT)
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
