"""Answers are packed with gzip for who takes them so, and are the same ones."""

import gzip
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random

import pytest
from httpx import ASGITransport, AsyncClient, Headers, Response
from starlette.applications import Starlette
from starlette.responses import Response as Answer
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Message, Scope

from runtime.gzip_data import unpacker
from runtime.http.accepting import takes_gzip
from runtime.http.methods import HeadAsGet
from runtime.http.packing import Packed
from runtime.http.pages import Assets

LONG = b'{"medication_name":"Heparin"},' * 10_000
PART = Random(1).randbytes(50_000).hex().encode()
PARTS = 50
TAG = '"tag"'


async def answer(_: object) -> Answer:
    return Answer(LONG, headers={"ETag": TAG, "Vary": "Accept"})


async def short(_: object) -> Answer:
    return Answer(b"short", headers={"ETag": TAG})


async def unchanged(_: object) -> Answer:
    return Answer(status_code=304, headers={"ETag": TAG})


async def unchanged_of_a_form(_: object) -> Answer:
    return Answer(status_code=412, headers={"ETag": TAG})


async def wrong(_: object) -> Answer:
    return Answer(LONG, 422)


async def streamed(_: object) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(PARTS):
            yield PART

    return StreamingResponse(parts(), headers={"Content-Length": str(PARTS * len(PART))})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.js").write_bytes(LONG)
    return tmp_path


@pytest.fixture
def app(folder: Path) -> Packed:
    named = {
        "/answer": answer,
        "/short": short,
        "/unchanged": unchanged,
        "/unchanged/_search": unchanged_of_a_form,
        "/wrong": wrong,
        "/streamed": streamed,
    }
    routes = [Route(path, route) for path, route in named.items()]
    return Packed(HeadAsGet(Starlette(routes=[*routes, Mount("/files", Assets(folder))])))


@pytest.fixture
async def client(app: Packed) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        client.headers["Accept-Encoding"] = "gzip"
        yield client


def size(answer: Response) -> int:
    return answer.num_bytes_downloaded


@pytest.mark.parametrize("path", ["/answer", "/files/script.js"])
async def test_who_takes_gzip_gets_the_same_in_fewer_bytes(client: AsyncClient, path: str) -> None:
    packed = await client.get(path)
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == LONG
    assert size(packed) < len(LONG) / 10
    assert size(plain) == int(plain.headers["content-length"]) == len(LONG)


async def test_what_is_taken_may_stand_in_more_than_one_line(client: AsyncClient) -> None:
    lines = [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
    request = client.build_request("GET", "/answer")
    del request.headers["Accept-Encoding"]
    request.headers = Headers([*request.headers.multi_items(), *lines])
    answered = await client.send(request)
    assert answered.headers["content-encoding"] == "gzip"


async def test_caches_are_told_that_it_depends_on_what_is_taken(client: AsyncClient) -> None:
    for accepted in ("gzip", "identity"):
        headers = {"Accept-Encoding": accepted}
        assert (await client.get("/answer", headers=headers)).headers["vary"] == (
            "Accept, Accept-Encoding"
        )
        for path in ("/short", "/unchanged", "/files/script.js"):
            answered = await client.get(path, headers=headers)
            assert answered.headers["vary"] == "Accept-Encoding", path


async def test_a_short_answer_or_a_refusal_is_left_as_it_is(client: AsyncClient) -> None:
    for path, expected in {"/short": b"short", "/wrong": LONG}.items():
        answered = await client.get(path)
        assert "content-encoding" not in answered.headers
        assert answered.content == expected


@pytest.mark.parametrize(
    ("accepted", "is_taken"),
    [
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0, *", False),
        ("gzip ; q = 0, *", False),
        ("gzip; q = 0.5", True),
        ("*;q=0", False),
        ("deflate, br", False),
        ("gzipped", False),
        ("", False),
    ],
)
def test_who_says_no_to_gzip_gets_none(accepted: str, is_taken: bool) -> None:
    assert takes_gzip(accepted) is is_taken


async def test_the_tag_of_a_packed_answer_is_weak_and_of_any_other_strong(
    client: AsyncClient,
) -> None:
    plain = {"Accept-Encoding": "identity"}
    for path in ("/answer", "/unchanged", "/unchanged/_search"):
        assert (await client.get(path)).headers["etag"] == f"W/{TAG}"
        assert (await client.get(path, headers=plain)).headers["etag"] == TAG
    assert (await client.get("/short")).headers["etag"] == TAG


async def test_a_file_is_not_sent_again_to_who_has_it_packed(client: AsyncClient) -> None:
    tag = (await client.get("/files/script.js")).headers["etag"]
    assert tag.startswith('W/"')
    again = await client.get("/files/script.js", headers={"If-None-Match": tag})
    assert (again.status_code, again.headers["etag"]) == (304, tag)


async def test_a_file_that_has_changed_is_packed_anew(client: AsyncClient, folder: Path) -> None:
    before = await client.get("/files/script.js")
    (folder / "script.js").write_bytes(LONG + b"more")
    after = await client.get("/files/script.js")
    assert (before.content, after.content) == (LONG, LONG + b"more")


async def test_a_part_of_a_file_is_of_the_file_itself(client: AsyncClient) -> None:
    part = await client.get("/files/script.js", headers={"Range": "bytes=2-16"})
    assert (part.status_code, part.content) == (206, b"medication_name")
    assert "content-encoding" not in part.headers


@pytest.mark.parametrize("path", ["/answer", "/short", "/streamed", "/files/script.js"])
async def test_head_tells_what_get_would(client: AsyncClient, path: str) -> None:
    assert (await client.head(path)).headers == (await client.get(path)).headers


async def test_what_is_streamed_is_packed_as_it_comes(app: Packed) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(get("/streamed"), nothing, send)
    head: Mapping[bytes, bytes] = dict(sent[0]["headers"])
    bodies = [message["body"] for message in sent[1:]]
    # Its length is known when it has been sent.
    assert b"content-length" not in head
    assert len(bodies) >= PARTS
    # Nearly all that was given is on its way: the rest is what gzip looks back at.
    half = unpacker().decompress(b"".join(bodies[: PARTS // 2]))
    assert len(half) > (PARTS // 2 - 2) * len(PART)
    assert gzip.decompress(b"".join(bodies)) == PART * PARTS


def get(path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"accept-encoding", b"gzip")],
    }


async def nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
