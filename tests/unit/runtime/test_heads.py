"""What comes before a request's body, or behind it, is bounded; bodies are bounded elsewhere.

How long it is, and how long it takes.
"""

import asyncio
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from runtime.http import heads
from runtime.http.heads import MAX_HEAD_BYTES, bound_heads

PIECE = 8 * 1024
GET = b"GET / HTTP/1.1\r\nHost: service\r\n"
POST = b"POST / HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"2000\r\n" + b" " * PIECE + b"\r\n"


class Connection(asyncio.Transport):
    """The server's end of a connection; keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:  # noqa: ANN401 - bytes of any kind
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def answer_at_once(_: Any, __: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def opened() -> tuple[Connection, HttpToolsProtocol]:
    bound_heads()
    connection = Connection()
    # uvicorn makes it of this class, also where it has processes of its own.
    protocol = HttpToolsProtocol(Config(answer_at_once, log_config=None), ServerState(), {})
    protocol.connection_made(connection)
    return connection, protocol


async def sent(pieces: Iterator[bytes]) -> tuple[Connection, int]:
    """Send pieces until the connection is closed; return it, and how many bytes it has taken."""
    (connection, protocol), taken = opened(), 0
    for piece in pieces:
        protocol.data_received(piece)
        await asyncio.sleep(0)
        taken += len(piece)
        if connection.closed or taken > 100 * MAX_HEAD_BYTES:
            break
    return connection, taken


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /", b"a" * PIECE),
        (b"GET /?", b"a=b&" * (PIECE // 4)),
        (GET + b"A: ", b"a" * PIECE),
        (GET, b"A: a\r\n" * (PIECE // 6)),
        (GET, b"a" * PIECE),
        (POST + b"0\r\n", b"A: a\r\n" * (PIECE // 6)),
        (POST + b"0\r\nA: ", b"a" * PIECE),
        (POST + b"1;", b"a" * PIECE),
        (b"", b"\r\n" * PIECE),
    ],
    ids=[
        "path",
        "query",
        "header",
        "headers",
        "header's name",
        "trailers",
        "trailer",
        "chunk's extension",
        "empty lines",
    ],
)
@pytest.mark.fault("head of a request that does not end")
async def test_what_does_not_end_is_refused(first: bytes, more: bytes) -> None:
    connection, taken = await sent(chain([first], repeat(more)))
    assert connection.closed
    assert b"HTTP/1.1 400 Bad Request" in connection.written
    assert taken <= MAX_HEAD_BYTES + 2 * len(more)


async def test_a_head_may_be_as_long_as_it_is_allowed() -> None:
    head = GET + b"A: " + b"a" * (MAX_HEAD_BYTES - len(GET) - 7) + b"\r\n\r\n"
    for pieces in ([head], [head[at : at + PIECE] for at in range(0, len(head), PIECE)]):
        connection, _ = await sent(iter(pieces))
        assert not connection.closed
        assert connection.written.startswith(b"HTTP/1.1 204")


async def test_neither_a_long_body_nor_many_requests_make_a_long_head() -> None:
    many = [POST, *[CHUNK] * 50, b"0\r\n\r\n", GET + b"\r\n"] * 3
    connection, taken = await sent(iter(many))
    assert not connection.closed
    assert taken > 10 * MAX_HEAD_BYTES
    assert connection.written.count(b"HTTP/1.1 204") == 6


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MAX_HEAD_SECONDS", 0.05)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    "before",
    [b"", GET + b"\r\n", POST + CHUNK + b"0\r\n\r\n"],
    ids=["new", "behind a request", "behind a body"],
)
@pytest.mark.fault("head of a request that comes too slowly")
async def test_a_head_that_comes_too_slowly_is_waited_for_no_longer(before: bytes) -> None:
    connection, protocol = opened()
    if before:
        protocol.data_received(before)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        for byte in chain(b"GET /?", repeat(ord("a"))):
            if connection.closed:
                break
            protocol.data_received(bytes([byte]))
            await asyncio.sleep(0.01)
    assert b" 400 " not in connection.written, (
        "it is not refused: nothing is wrong with it but time"
    )


@pytest.mark.usefixtures("hurry")
@pytest.mark.fault("head of a request that comes too slowly")
async def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    connection, _ = opened()
    async with asyncio.timeout(10):
        while not connection.closed:  # noqa: ASYNC110 - as the transport has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("request_", [GET + b"\r\n", POST, POST + CHUNK])
async def test_neither_a_body_nor_the_next_request_is_hurried_by_the_deadline_of_a_head(
    request_: bytes,
) -> None:
    connection, protocol = opened()
    protocol.data_received(request_)
    await asyncio.sleep(0.1)
    assert not connection.closed
    protocol.connection_lost(None)


@pytest.mark.usefixtures("hurry")
async def test_a_body_that_comes_behind_its_answer_keeps_no_connection_open() -> None:
    connection, protocol = opened()
    protocol.data_received(POST)
    await asyncio.sleep(0)
    assert connection.written.startswith(b"HTTP/1.1 204")
    async with asyncio.timeout(10):
        while not connection.closed:
            protocol.data_received(b"1\r\na\r\n")
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("hurry")
async def test_behind_a_body_that_ends_after_its_answer_the_next_request_has_to_come() -> None:
    connection, protocol = opened()
    protocol.data_received(POST)
    await asyncio.sleep(0)
    protocol.data_received(b"0\r\n\r\n")
    async with asyncio.timeout(10):
        while not connection.closed:  # noqa: ASYNC110 - as the transport has no event for it
            await asyncio.sleep(0.01)


async def test_what_comes_of_a_body_behind_its_answer_is_no_head() -> None:
    connection, protocol = opened()
    protocol.data_received(POST)
    await asyncio.sleep(0)
    for piece in [*[CHUNK] * 20, b"0\r\n\r\n", GET + b"\r\n"]:
        protocol.data_received(piece)
        await asyncio.sleep(0)
    assert connection.written.count(b"HTTP/1.1 204") == 2
    assert not connection.closed
    protocol.connection_lost(None)
