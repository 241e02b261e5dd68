"""HEAD is answered wherever GET is, by both services, and where it is not they say so."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

import consumer_app.access
import consumer_app.main
import publisher_app.access
import publisher_app.main
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.access.routes import Routes
from runtime.http.app import HttpApp

QUERIES: Mapping[str, Any] = {
    "/periods": {"patient_id": "2"},
    "/events": {"patient_id": "2"},
    "/fhir/MedicationStatement": {"patient": "2"},
}
FILES = ["/static/documentation/asyncapi.mjs", "/static/vendor/none.js", "/none"]


@pytest.fixture(params=["consumer", "publisher"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HttpApp:
    if name == "publisher":
        return publisher_app.main.make_app(PublisherSettings(try_it_out=True))
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    return consumer_app.main.make_app(ConsumerSettings())


@pytest.fixture
async def client(service: HttpApp) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(service)
    # Else each answer would have a name of its own.
    named = {"X-Request-ID": "one"}
    async with AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=named
    ) as client:
        yield client


@pytest.fixture
def routes(name: str) -> Routes:
    return publisher_app.access.ROUTES if name == "publisher" else consumer_app.access.ROUTES


def told(answer: Response) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, answer.headers.multi_items()


@pytest.mark.fault("HEAD where GET is answered")
async def test_head_tells_what_get_would_answer(routes: Routes, client: AsyncClient) -> None:
    paths = [path for method, path in routes if method == "GET" and "{" not in path]
    assert {"/docs", "/asyncapi.json", "/health/live", "/health/ready"} <= set(paths)
    for path in [*paths, *FILES]:
        query = QUERIES.get(path)
        got = await client.get(path, params=query)
        assert got.status_code in {200, 307, 404, 503}, path
        assert told(await client.head(path, params=query)) == told(got), path


async def test_a_refusal_names_what_is_answered(routes: Routes, client: AsyncClient) -> None:
    for path in {path for _, path in routes}:
        allowed = {method for method, other in routes if other == path}
        answer = await client.request("PATCH", path.replace("{path:path}", "file.js"))
        assert answer.status_code == 405
        expected = allowed | ({"HEAD"} if "GET" in allowed else set())
        assert answer.headers["allow"] == ", ".join(sorted(expected)), path
