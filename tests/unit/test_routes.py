"""No route of either service is out of reach of what is put in front of all: a guard, say."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from starlette.routing import BaseRoute

import consumer_app.main
import publisher_app.main
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings

# What FastAPI adds by itself and folders of files, which hold no data.
WITHOUT_DATA = {"/openapi.json", "/static/vendor", "/static/documentation", "/static/timeline"}
SERVICES = {
    consumer_app.main: ConsumerSettings(),
    publisher_app.main: PublisherSettings(try_it_out=True),
}


def refuse() -> None:
    raise HTTPException(401)


@pytest.fixture(params=SERVICES, ids=lambda module: module.__name__)
def guarded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """Wire a service as it is, but for a dependency of its whole FastAPI app."""
    module: ModuleType = request.param
    made: list[FastAPI] = []

    def make(**options: Any) -> FastAPI:  # noqa: ANN401 - passed on
        made.append(FastAPI(dependencies=[Depends(refuse)], **options))
        return made[0]

    monkeypatch.setattr(module, "FastAPI", make)
    module.make_app(SERVICES[module])
    return made[0]


def walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield the routes, those of included routers too, which FastAPI keeps as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from walk(included.routes) if included else [route]


async def test_a_dependency_of_the_app_reaches_every_route(guarded: FastAPI) -> None:
    every = list(walk(guarded.routes))
    routes = [route for route in every if isinstance(route, APIRoute)]
    assert {"/health/ready", "/asyncapi.json"} < {route.path for route in routes}
    assert {getattr(route, "path", "?") for route in every if route not in routes} <= WITHOUT_DATA
    async with AsyncClient(transport=ASGITransport(guarded), base_url="http://service") as client:
        for route in routes:
            for method in route.methods or ():
                answer = await client.request(method, route.path)
                assert answer.status_code == 401, f"{method} {route.path}"
