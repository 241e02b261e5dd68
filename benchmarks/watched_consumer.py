"""The consumer, which also notes when and for how long its event loop stood still.

Each such time is a line in the file that `STALLS` names: when it was over, and its milliseconds.
What it has others answer is bounded as in a container: see `benchmarks.bounded_answering`.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from consumer_app.main import app
from consumer_app.queries import apart

__all__ = ["app"]

_PAUSE_SECONDS = 0.005
_tasks: list[asyncio.Task[None]] = []

apart.COMMAND = (sys.executable, "-m", "benchmarks.bounded_answering")  # type: ignore[attr-defined]


@app.after_startup
async def watch() -> None:
    """Watch the loop for as long as it runs."""
    _tasks.append(asyncio.create_task(_note_stalls(Path(os.environ["STALLS"]))))


async def _note_stalls(file: Path) -> None:
    with file.open("w", buffering=1) as stalls:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(_PAUSE_SECONDS)
            now = time.monotonic()
            print(now, (now - begin - _PAUSE_SECONDS) * 1000, file=stalls)
