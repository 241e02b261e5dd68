"""Commands work on a database that a consumer has open."""

import asyncio
from pathlib import Path

import pytest

from consumer_app.storage.store import EventStore
from consumer_app.upkeep.target import with_store
from tests.runs import event


async def test_a_command_that_writes_leaves_the_log_of_sqlite_to_the_consumer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To empty it, it would wait for all who read, and all who write would wait for it."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite+aiosqlite:///{tmp_path}/events.db"
    log = tmp_path / "events.db-wal"

    async def delete_nothing(store: EventStore) -> None:
        await store.delete({})

    async with EventStore.at(url) as store:
        await store.add([event("p", 0)])
        length = log.stat().st_size
        assert length > 0

        await asyncio.to_thread(with_store, url, delete_nothing, writes=True)

        assert log.stat().st_size == length
