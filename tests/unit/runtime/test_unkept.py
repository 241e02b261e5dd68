"""No browser or proxy keeps what is a patient's, or what was wrong with a question about one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient, Response

import consumer_app.main
import publisher_app.main
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings

QUERY = {"patient_id": "2"}


@pytest.fixture
async def consumer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClient]:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    app = consumer_app.main.make_app(ConsumerSettings())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
async def publisher() -> AsyncIterator[AsyncClient]:
    app = publisher_app.main.make_app(PublisherSettings())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


def is_kept_nowhere(answer: Response) -> bool:
    headers = answer.headers
    return (headers.get_list("cache-control"), headers.get_list("x-content-type-options")) == (
        ["no-store"],
        ["nosniff"],
    )


@pytest.mark.parametrize("path", ["/periods", "/events"])
async def test_errors_of_questions_about_patients(path: str, consumer: AsyncClient) -> None:
    answers = {
        405: await consumer.put(path),
        422: await consumer.get(path),
        503: await consumer.get(path, params=QUERY, headers={"Forwarded": "for=10.0.0.1"}),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert all(map(is_kept_nowhere, answers.values()))


async def test_errors_of_posts(publisher: AsyncClient) -> None:
    answers = {
        422: await publisher.post("/events", json={}),
        415: await publisher.post("/events", content=b"{}"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert is_kept_nowhere(answer)


async def test_files_of_the_pages_say_themselves_how_they_are_kept(consumer: AsyncClient) -> None:
    answer = await consumer.get("/static/documentation/openapi.mjs")
    assert answer.headers.get_list("cache-control") == ["no-cache"]
