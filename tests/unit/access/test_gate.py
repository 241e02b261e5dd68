"""The gate: who has the right is let through, others are told what is missing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from runtime.access.callers import EVENTS_WRITE, PERIODS_READ
from runtime.access.configured import configured_access
from runtime.access.settings import AccessSettings
from runtime.access.token_file import Token
from tests.unit.access.gates import ROUTES, bearer, guarded, token_file

READER, READER_TOKEN = Token.new("ward", [PERIODS_READ], None, None)
WRITER, WRITER_TOKEN = Token.new("pump", [EVENTS_WRITE], None, None)
LIMITED, LIMITED_TOKEN = Token.new("patient", [PERIODS_READ, EVENTS_WRITE], "2", None)
EXPIRED, EXPIRED_TOKEN = Token.new(
    "former", [PERIODS_READ], None, datetime.now(UTC) - timedelta(seconds=1)
)


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, object]:
    return {"ACCESS_TOKENS": token_file(tmp_path, READER, WRITER, LIMITED, EXPIRED)}


async def test_a_token_of_the_scope_is_let_through_under_its_name(
    tokens: dict[str, object],
) -> None:
    async with guarded(tokens, "https://periods.example.org") as client:
        read = await client.get("/periods", headers=bearer(READER_TOKEN))
        wrote = await client.post("/events", headers=bearer(WRITER_TOKEN))
        lower = await client.get("/periods", headers={"Authorization": f"bearer {READER_TOKEN}"})
    assert [read.text, wrote.text, lower.text] == ["ward", "pump", "ward"]


async def test_a_token_without_the_scope_is_told_which(tokens: dict[str, object]) -> None:
    async with guarded(tokens) as client:
        answer = await client.get("/periods", headers=bearer(WRITER_TOKEN))
    assert answer.status_code == 403
    assert answer.json() == {"detail": "the token lacks the scope periods:read"}
    assert 'error="insufficient_scope", scope="periods:read"' in answer.headers["www-authenticate"]


async def test_a_token_for_one_patient_writes_nothing(tokens: dict[str, object]) -> None:
    async with guarded(tokens) as client:
        assert (await client.get("/periods", headers=bearer(LIMITED_TOKEN))).status_code == 200
        assert (await client.post("/events", headers=bearer(LIMITED_TOKEN))).status_code == 403


@pytest.mark.parametrize(
    ("authorization", "why"),
    [
        ([], None),
        (["Basic dXNlcjpwYXNz"], None),
        (["Bearer"], None),
        (["Bearer "], None),
        ([f"Bearer {EXPIRED_TOKEN}"], "the token has expired"),
        ([f"Bearer {READER_TOKEN[:-1]}"], "the token is unknown"),
        (["Bearer eyJhbGciOiJub25lIn0.e30."], "the token is of no kind that is taken here"),
        ([f"Bearer {READER_TOKEN}"] * 2, "there is more than one Authorization header"),
    ],
)
async def test_who_is_not_known_is_told_why(
    tokens: dict[str, object], authorization: list[str], why: str | None
) -> None:
    headers = [("Authorization", each) for each in authorization]
    async with guarded(tokens) as client:
        answer = await client.get("/periods", headers=headers)
    assert answer.status_code == 401
    challenge = 'Bearer realm="medication-periods"'
    if why is not None:
        challenge += f', error="invalid_token", error_description="{why}"'
        assert answer.json() == {"detail": why}
    assert answer.headers["www-authenticate"] == challenge


async def test_open_access_lets_anybody_in_but_the_names_of_other_sites() -> None:
    for url, status in {
        "http://10.0.0.5:8000": 200,
        "http://localhost:8000": 200,
        "http://[fd00::5]:8000": 200,
        "http://consumer:8000": 200,
        "http://printer": 421,
        "http://rebound.example.org": 421,
    }.items():
        settings = {"access": "open", "ACCESS_HOSTS": "Consumer"}
        async with guarded(settings, url, server=("10.0.0.5", 8000)) as client:
            assert (await client.get("/periods")).status_code == status, url


async def test_open_access_lets_no_page_of_another_site_ask_unless_it_is_listed() -> None:
    ward, other = "https://ward.example.org", "https://other.example.org"
    async with guarded({"access": "open", "ACCESS_ORIGINS": ward}) as client:
        for origin, status in ((ward, 200), (other, 503), (None, 503)):
            asks = {"Sec-Fetch-Site": "cross-site"} | ({"Origin": origin} if origin else {})
            assert (await client.get("/periods", headers=asks)).status_code == status


async def test_two_host_headers_name_nobody(tokens: dict[str, object]) -> None:
    twice = [("Host", "localhost"), ("Host", "other.example.org"), *bearer(READER_TOKEN).items()]
    async with guarded(tokens) as client:
        assert (await client.get("/periods", headers=twice)).status_code == 421


async def test_a_websocket_is_closed_before_it_is_opened() -> None:
    sent: list[str] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's
        sent.append(message["type"])

    access = configured_access(AccessSettings(access="open"), ROUTES)
    gate = access.guard(FastAPI(), PlainTextResponse("reached"))
    await gate({"type": "websocket", "path": "/periods"}, AsyncMock(), send)
    assert sent == ["websocket.close"]


async def test_behind_a_prefix_the_same_routes_are_guarded(tokens: dict[str, object]) -> None:
    async with guarded(tokens, scope={"root_path": "/ward"}) as client:
        for path in ("/ward/periods", "/periods"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/ward/ward/periods")).status_code == 404


async def test_the_names_of_the_service_can_be_listed(tokens: dict[str, object]) -> None:
    listed = tokens | {"ACCESS_HOSTS": "periods.example.org:8443, 10.0.0.5"}
    for url, status in {
        "http://periods.example.org": 200,
        "http://PERIODS.example.org:8443": 200,
        "http://10.0.0.5:8000": 200,
        "http://other.example.org": 421,
        "http://localhost": 421,
    }.items():
        async with guarded(listed, url) as client:
            answer = await client.get("/periods", headers=bearer(READER_TOKEN))
            alive = await client.get("/health/live")
        assert (answer.status_code, alive.status_code) == (status, 200), url


async def test_no_other_site_s_page_may_read_unless_it_is_listed(tokens: dict[str, object]) -> None:
    ward = "https://ward.example.org"
    asks = {"Origin": ward, "Access-Control-Request-Method": "GET"}
    async with guarded(tokens) as client:
        answer = await client.get("/periods", headers=bearer(READER_TOKEN) | {"Origin": ward})
        assert "access-control-allow-origin" not in answer.headers
        assert (await client.options("/periods", headers=asks)).status_code == 405
    async with guarded(tokens | {"ACCESS_ORIGINS": ward}) as client:
        answer = await client.get("/periods", headers=bearer(READER_TOKEN) | {"Origin": ward})
        assert answer.headers["access-control-allow-origin"] == ward
        conditional = asks | {"Access-Control-Request-Headers": "authorization, if-none-match"}
        assert (await client.options("/periods", headers=conditional)).status_code == 200
        assert "ETag" in answer.headers["access-control-expose-headers"].split(", ")
        other = asks | {"Origin": "https://other.example.org"}
        assert (await client.options("/periods", headers=other)).status_code == 400
