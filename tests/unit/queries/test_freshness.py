"""Each answer says how fresh it is: when any consumer last stored what it had received."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.queries.routes import periods_router
from consumer_app.storage.store import EventStore
from tests.callers import let_in
from tests.runs import event


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/events.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[EventStore]:
    async with EventStore.at(url) as opened:
        yield opened


async def freshness(store: EventStore, path: str) -> datetime | None:
    api = FastAPI()
    api.include_router(periods_router(store, AnswersApart({}, asyncio.Lock())))
    async with AsyncClient(
        transport=ASGITransport(let_in(api)), base_url="http://consumer"
    ) as client:
        answer = await client.get(path, params={"patient_id": "unknown"})
    written = answer.headers.get(LAST_RECEIVED)
    if written is None:
        return None
    assert written.endswith("Z")
    return datetime.fromisoformat(written)


@pytest.mark.parametrize("path", ["/periods", "/events"])
async def test_an_answer_tells_the_newest_commit_of_all_consumers(
    path: str, store: EventStore, url: str
) -> None:
    assert await freshness(store, path) is None, "nothing was ever received"

    before = datetime.now(UTC)
    async with EventStore.at(url) as other:
        await other.add([event("p", 0)])
        first = await freshness(store, path)
        assert first is not None
        assert before <= first <= datetime.now(UTC)

        await store.add([event("p", 0)])
        second = await freshness(other, path)
        assert second is not None
        assert first < second, "what comes again was received again"


@pytest.mark.parametrize("path", ["/periods", "/events"])
async def test_what_comes_of_a_retracted_run_was_received_too(path: str, store: EventStore) -> None:
    await store.add([event("p", 0)], "wrong")
    (run,) = await store.runs()
    await store.retract(run)
    retracted_at = datetime.now(UTC)

    await store.add([event("p", 1)], "wrong")

    last = await freshness(store, path)
    assert last is not None
    assert last > retracted_at


async def test_consumers_that_are_gone_leave_no_more_than_the_newest_time(
    store: EventStore, url: str
) -> None:
    for number in range(3):
        async with EventStore.at(url) as gone:
            await gone.add([event("p", number)])
    last = await freshness(store, "/periods")

    await store.prepare()

    assert await freshness(store, "/periods") == last
    async with store._engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT count(*) FROM consumer")
        assert found.scalar() == 1
