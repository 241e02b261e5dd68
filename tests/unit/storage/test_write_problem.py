"""A store tells why it can't store for as long as something waits for it, and no longer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from consumer_app.storage.store import EventStore
from contracts import explain_event

EVENT = explain_event(
    {
        "patient_id": "2",
        "medication_name": "Y",
        "action": "start",
        "event_time": "2021-01-01T02:00:00Z",
    }
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as opened:
        yield opened


async def add_while_locked(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> asyncio.Task[Any]:
    async def insert(*_: Sequence[Any]) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(store._backend, "insert", insert)
    adding = asyncio.create_task(store.add([EVENT]))
    while await store.write_problem() is None:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
    return adding


async def test_the_problem_is_over_once_what_waited_is_stored(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    adding = await add_while_locked(store, monkeypatch)
    assert "database is locked" in (await store.write_problem() or "")
    assert await store.problem() is None, "it can be read meanwhile"

    monkeypatch.undo()
    await adding

    assert await store.write_problem() is None


@pytest.mark.fault("database locked, the message goes to another consumer")
async def test_the_problem_is_over_once_what_waited_is_given_up(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its connection a message goes to another consumer, which stores it."""
    adding = await add_while_locked(store, monkeypatch)

    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding

    assert await store.write_problem() is None
