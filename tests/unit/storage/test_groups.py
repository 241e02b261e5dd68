"""What waits is stored together, up to as much as a commit takes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from consumer_app.storage.backend import Received, RunNumbers
from consumer_app.storage.sqlite import SqliteBackend
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent, explain_event

MESSAGES, EVENTS_A_MESSAGE = 5, 2


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as opened:
        yield opened


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the numbers of events that were stored together."""
    sizes: list[int] = []
    insert = SqliteBackend.insert

    async def counted(
        self: SqliteBackend, received: Sequence[Received], numbers: RunNumbers
    ) -> bool:
        sizes.append(sum(each.size for each in received))
        return await insert(self, received, numbers)

    monkeypatch.setattr(SqliteBackend, "insert", counted)
    return sizes


def message(number: int) -> list[MedicationEvent]:
    common: dict[str, Any] = {"patient_id": f"{number}", "medication_name": "Heparin"}
    return [
        explain_event({**common, "action": action, "event_time": "2026-01-01T00:00:00Z"})
        for action in ("start", "stop")
    ]


async def add_at_once(store: EventStore) -> None:
    await store.prepare()
    await asyncio.gather(*(store.add(message(number)) for number in range(MESSAGES)))
    for number in range(MESSAGES):
        assert len(await store.events_of(f"{number}")) == EVENTS_A_MESSAGE


async def test_the_first_is_stored_at_once_and_all_that_wait_for_it_together(
    store: EventStore, commits: list[int]
) -> None:
    await add_at_once(store)
    assert commits == [2, 8]


async def test_a_commit_takes_no_more_events_than_it_may(
    store: EventStore, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteBackend, "EVENTS_A_COMMIT", 4)
    await add_at_once(store)
    assert commits == [2, 4, 4]


async def test_a_commit_takes_no_more_bytes_than_it_may_but_one_message_at_least(
    store: EventStore, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteBackend, "BYTES_A_COMMIT", 1)
    await add_at_once(store)
    assert commits == [2, 2, 2, 2, 2]
