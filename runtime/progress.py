"""How far something long is, for who looks on: a bar in a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TimeRemainingColumn


class Draw(Protocol):
    """Draws the bar, from the first call on; ``fields`` are what its columns show besides."""

    def __call__(self, completed: float, total: float | None, **fields: Any) -> None: ...  # noqa: ANN401


@contextmanager
def progress_bar(*columns: ProgressColumn) -> Iterator[Draw | None]:
    """Give what draws a bar, and behind it columns; None where there is no terminal to draw in."""
    if not sys.stderr.isatty():
        yield None
        return
    console = Console(stderr=True)
    bar = Progress(BarColumn(), *columns, TimeRemainingColumn(), console=console)

    def draw(completed: float, total: float | None, **fields: Any) -> None:  # noqa: ANN401
        if not bar.tasks:
            bar.add_task("", total=total, **fields)
            bar.start()
        bar.update(bar.tasks[0].id, completed=completed, total=total, **fields)

    try:
        yield draw
    finally:
        if bar.tasks:
            bar.stop()
