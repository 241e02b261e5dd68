"""How far a long command is, for who looks on."""

import sys

import typer

from consumer_app.storage.migrations.events_of_1_0_0 import Progress


def progress_bar() -> Progress | None:
    """Give what draws a bar in a terminal; None where there is none, and the log tells."""
    if not sys.stderr.isatty():
        return None
    bar = typer.progressbar(length=1, label="events", show_pos=True, file=sys.stderr)

    def draw(copied: int, total: int) -> None:
        bar.length = total
        bar.update(copied - bar.pos)
        if copied == total:
            bar.render_finish()

    return draw
