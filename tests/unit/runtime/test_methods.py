"""HEAD is answered wherever GET is, by both services, and where it is not they say so."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient, Response

import consumer_app.main
import publisher_app.main
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.http.app import HttpApp
from tests.unit.test_routes import walk

QUERIES: Mapping[str, Any] = {"/periods": {"patient_id": "2"}, "/events": {"patient_id": "2"}}
FILES = ["/static/documentation/asyncapi.mjs", "/static/vendor/none.js", "/openapi.json", "/none"]


@pytest.fixture(params=["consumer", "publisher"])
def service(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HttpApp:
    if request.param == "publisher":
        return publisher_app.main.make_app(PublisherSettings(try_it_out=True))
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    return consumer_app.main.make_app(ConsumerSettings())


@pytest.fixture
async def client(service: HttpApp) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(service), base_url="http://service") as client:
        yield client


def routes(service: HttpApp) -> list[APIRoute]:
    return [route for route in walk(service._api.routes) if isinstance(route, APIRoute)]


def told(answer: Response) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, answer.headers.multi_items()


@pytest.mark.fault("HEAD where GET is answered")
async def test_head_tells_what_get_would_answer(service: HttpApp, client: AsyncClient) -> None:
    paths = [route.path for route in routes(service) if "GET" in (route.methods or ())]
    assert {"/docs", "/asyncapi.json", "/health/live", "/health/ready"} <= set(paths)
    for path in [*paths, *FILES]:
        query = QUERIES.get(path)
        got = await client.get(path, params=query)
        assert got.status_code in {200, 404, 503}, path
        assert told(await client.head(path, params=query)) == told(got), path


async def test_a_refusal_names_what_is_answered(service: HttpApp, client: AsyncClient) -> None:
    for route in routes(service):
        allowed = set(route.methods or ())
        answer = await client.request("PATCH", route.path)
        assert answer.status_code == 405
        expected = allowed | ({"HEAD"} if "GET" in allowed else set())
        assert answer.headers["allow"] == ", ".join(sorted(expected)), route.path
