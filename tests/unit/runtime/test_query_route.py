"""The query route answers as a route of FastAPI's own does, only sooner."""

from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Query
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from pydantic import Field

from runtime.query_route import QueryRoute

QUERIES = [
    "name=a",
    "name=a&name=b",
    "name=",
    "",
    "name=a&number=",
    "name=a&number=x&from=y&many=",
    "name=a&many=one",
    "name=a&many=one&many=two",
    "name=a&from=PT5S",
    "name=a&from_=PT5S",
    "name=a&flag=yes",
    "name=a&unknown=1",
    "name=%F0%9F%92%8A+%26",
]


async def endpoint(
    name: Annotated[str, Query(max_length=5), Field(min_length=1)],
    many: Annotated[list[Annotated[str, Field(min_length=1)]], Query()] = [],  # noqa: B006
    from_: Annotated[timedelta | None, Query(alias="from")] = None,
    number: int = 3,
    flag: bool = False,
) -> JSONResponse:
    return JSONResponse([name, many, str(from_), number, flag])


def app_with(route_class: type[APIRoute]) -> FastAPI:
    router = APIRouter(route_class=route_class)
    router.get("/")(endpoint)
    api = FastAPI()
    api.include_router(router)
    return api


async def answer(api: FastAPI, query: str) -> tuple[int, Any]:
    async with AsyncClient(transport=ASGITransport(api), base_url="http://service") as client:
        answer = await client.get(f"/?{query}")
    content = answer.json()
    if answer.is_success:
        return answer.status_code, content
    return answer.status_code, [(each["loc"], each["msg"]) for each in content["detail"]]


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_is_read_and_refused_as_fastapi_does(query: str) -> None:
    assert await answer(app_with(QueryRoute), query) == await answer(app_with(APIRoute), query)


def test_the_route_is_documented_as_fastapi_does() -> None:
    assert app_with(QueryRoute).openapi() == app_with(APIRoute).openapi()
