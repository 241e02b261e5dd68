"""What readiness and receiving depend on, and that the one does not wait for the other."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient

from runtime.http import health
from runtime.http.health import Check, Remark, answering_health_router, health_router

READY = {"status": "ready", "problems": {}}


def check(problem: str | None) -> Check:
    async def found() -> str | None:
        return problem

    return found


async def ask(router: APIRouter, path: str) -> tuple[int, Mapping[str, Any]]:
    api = FastAPI()
    api.include_router(router)
    async with AsyncClient(transport=ASGITransport(api), base_url="http://service") as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()


async def test_readiness_depends_on_every_check_where_none_is_named() -> None:
    good, bad = check(None), check("away")
    assert await ask(health_router({"a": good, "b": good}), "/health/ready") == (200, READY)
    problems = {"b": "away"}
    assert await ask(health_router({"a": good, "b": bad}), "/health/ready") == (
        503,
        {"status": "not ready", "problems": problems},
    )


async def test_a_remark_is_told_and_hinders_nothing() -> None:
    router = health_router({"a": check(None), "b": check(Remark("slow"))})
    ready = {"status": "ready", "problems": {"b": "slow"}}
    assert await ask(router, "/health/ready") == (200, ready)


@pytest.mark.parametrize(
    ("broker", "database", "ready", "receiving"),
    [(None, None, 200, 200), ("away", None, 200, 503), (None, "away", 503, 503)],
)
async def test_what_answers_is_ready_while_it_receives_nothing_and_tells_so_in_both_places(
    broker: str | None, database: str | None, ready: int, receiving: int
) -> None:
    checks = {"broker": check(broker), "database": check(database)}
    router = answering_health_router(checks, ["database"])
    for path, status in (("/health/ready", ready), ("/health/receiving", receiving)):
        found, body = await ask(router, path)
        assert found == status
        problems = {"broker": broker, "database": database}
        assert body["problems"] == {name: each for name, each in problems.items() if each}
        assert body["status"].startswith("not ") == (status == 503)


async def test_readiness_does_not_wait_for_what_it_does_not_depend_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.01)
    router = answering_health_router({"broker": hangs, "database": check(None)}, ["database"])

    status, body = await ask(router, "/health/ready")

    assert (status, body["status"]) == (200, "ready")
    assert body["problems"] == {"broker": "no answer within 0.01 s"}
