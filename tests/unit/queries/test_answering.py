"""The process that answers about patients with many events ends when it should, and tells why."""

import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from consumer_app.queries import answering, gathering
from consumer_app.queries.answering import Lane
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.rules.doubts import USUAL_QUIET
from consumer_app.storage.store import EventStore
from contracts import Action, MedicationEvent

NOON = datetime(2021, 1, 1, 12, tzinfo=UTC)

WORKS_FOR_EVER = """
import time
from consumer_app.queries import answering
from runtime.child import say

async def work(*_):
    say(b"begun\\n")
    time.sleep(600)

answering._written = work
answering.main()
"""
ASKS = f"""
import asyncio, pickle, sys
from runtime.child import Child

async def ask():
    child = await Child.start((sys.executable, "-c", {WORKS_FOR_EVER!r}, "many"))
    await child.ask(pickle.dumps("a question"))
    await child.answers.readline()
    print(child._process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(ask())
"""


async def test_it_ends_in_the_middle_of_an_answer_when_its_service_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASKS, stdout=asyncio.subprocess.PIPE
    )
    assert service.stdout is not None
    async with asyncio.timeout(30):
        child = psutil.Process(int(await service.stdout.readline()))
        assert child.is_running()

        service.kill()
        assert await service.wait() == -signal.SIGKILL

        # One that is no child of ours may be left as a zombie by whoever is its parent then.
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_that_the_temporary_folder_is_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_full = "PRAGMA max_page_count = 2;" + gathering._SET_UP
    monkeypatch.setattr(gathering, "_SET_UP", is_full)
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        await store.add(
            [
                MedicationEvent("p", "Heparin", Action.START, NOON, event_id=str(n))
                for n in range(500)
            ]
        )
        query = PeriodsQuery(patient_id="p", explain=True)
        end = await answering._written(store, query, Lane.GIANT, USUAL_QUIET)
    assert end.is_too_long
