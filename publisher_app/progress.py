"""Progress: a bar on a terminal, elsewhere a log line now and then."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from publisher_app.inputs.files import FileOutcome

logger = logging.getLogger(__name__)

_LOG_INTERVAL_SECONDS = 10.0


@contextmanager
def progress() -> Iterator[Callable[[FileOutcome], None]]:
    """Show how the publishing of an input goes on; give the function that is told how far it is."""
    if not sys.stderr.isatty():
        yield _now_and_then()
        return
    with _bar() as bar:
        task = bar.add_task("publishing", total=None, rate=0.0)

        def show(outcome: FileOutcome) -> None:
            rate = outcome.published / max(outcome.seconds, 1e-9)
            bar.update(task, total=outcome.size, completed=outcome.bytes_read, rate=rate)

        yield show


def _bar() -> Progress:
    return Progress(
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rate]:,.0f} events/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _now_and_then() -> Callable[[FileOutcome], None]:
    last = time.monotonic()

    def log(outcome: FileOutcome) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOG_INTERVAL_SECONDS:
            last = time.monotonic()
            logger.info("so far %s", outcome)

    return log
