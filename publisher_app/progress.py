"""Progress: a bar on a terminal, elsewhere a log line now and then."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import DownloadColumn, TextColumn

from publisher_app.inputs.files import FileOutcome
from runtime.progress import progress_bar

logger = logging.getLogger(__name__)

_LOG_INTERVAL_SECONDS = 10.0


@contextmanager
def progress() -> Iterator[Callable[[FileOutcome], None]]:
    """Show how the publishing of an input goes on; give the function that is told how far it is."""
    rate = TextColumn("{task.fields[rate]:,.0f} events/s")
    with progress_bar(DownloadColumn(), rate) as draw:
        if draw is None:
            yield _now_and_then()
            return

        def show(outcome: FileOutcome) -> None:
            rate = outcome.published / max(outcome.seconds, 1e-9)
            draw(outcome.bytes_read, outcome.size, rate=rate)

        yield show


def _now_and_then() -> Callable[[FileOutcome], None]:
    last = time.monotonic()

    def log(outcome: FileOutcome) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOG_INTERVAL_SECONDS:
            last = time.monotonic()
            logger.info("so far %s", outcome)

    return log
