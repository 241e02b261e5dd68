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


class Counted:
    """A check that counts how often it is made, and is not done before it is let go on."""

    def __init__(self) -> None:
        self.made = 0
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> str | None:
        self.made += 1
        self.begun.set()
        await self.may_end.wait()
        return f"problem {self.made}"


async def test_a_hundred_who_ask_at_once_and_who_asks_soon_after_share_one_check() -> None:
    counted = Counted()
    router = health_router({"broker": counted})

    asking = [asyncio.create_task(ask(router, "/health/ready")) for _ in range(100)]
    await counted.begun.wait()
    counted.may_end.set()
    answers = await asyncio.gather(*asking, ask(router, "/health/ready"))

    assert counted.made == 1
    assert all(body["problems"] == {"broker": "problem 1"} for _, body in answers)


async def test_readiness_and_receiving_share_their_checks() -> None:
    counted = Counted()
    counted.may_end.set()
    router = answering_health_router({"database": counted}, ["database"])

    for path in ("/health/ready", "/health/receiving"):
        assert (await ask(router, path))[1]["problems"] == {"database": "problem 1"}


async def test_an_answer_holds_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_HOLDS_SECONDS", 0.0)
    counted = Counted()
    counted.may_end.set()
    router = health_router({"broker": counted})

    for number in (1, 2):
        assert (await ask(router, "/health/ready"))[1]["problems"] == {
            "broker": f"problem {number}"
        }


async def test_a_check_goes_on_for_others_when_one_who_asked_has_gone() -> None:
    counted = Counted()
    router = health_router({"broker": counted})
    gone, waiting = (asyncio.create_task(ask(router, "/health/ready")) for _ in range(2))
    await counted.begun.wait()

    gone.cancel()
    counted.may_end.set()

    assert (await waiting)[1]["problems"] == {"broker": "problem 1"}
    assert counted.made == 1
