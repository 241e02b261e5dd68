"""What unit tests share, and Hypothesis profiles.

The profiles take the same examples on every run; ``HYPOTHESIS_PROFILE=thorough`` takes more.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import settings

from runtime.child import Child

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("thorough", settings.get_profile("steady"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Give the commands of the child processes that are started."""
    commands = []
    start = Child.start

    async def note(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        commands.append(command)
        return await start(command, environment)

    monkeypatch.setattr(Child, "start", note)
    return commands


async def until_in_line(task: asyncio.Task[object], lock: asyncio.Lock) -> None:
    """Wait until a task waits for a lock that somebody holds; return, too, if it never did."""
    async with asyncio.timeout(30):
        while not lock._waiters and not task.done():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)
