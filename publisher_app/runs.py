"""Runs: the names by which what was published at one go can be taken out again."""

import os
import stat
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from contracts import MAX_RUN_CHARACTERS, checked_run

STANDARD_INPUT = "-"


def run_of_input(name: str) -> str:
    """Name the run of an input that is open.

    For a file that is its name, size and time of change, so that it is the same run when the file
    is published again; for a pipe, which can't be told from another, the time of now.
    """
    if name == STANDARD_INPUT:
        source, status = "stdin", os.fstat(sys.stdin.fileno())
    else:
        source, status = Path(name).name, Path(name).stat()
    if not stat.S_ISREG(status.st_mode):
        return run_from_now(source)
    return _named(source, str(status.st_size), _written(status.st_mtime))


def run_from_now(source: str) -> str:
    """Name a run that begins now, and that no other one is told to belong to."""
    return _named(source, _written(datetime.now(UTC).timestamp()))


def _named(source: str, *rest: str) -> str:
    ending = "/".join(["", *rest])
    # A file may have any name, of bytes that are no text too.
    printable = "".join(each if each.isprintable() else "?" for each in source)
    written = unicodedata.normalize("NFC", printable)
    return checked_run(written[: MAX_RUN_CHARACTERS - len(ending)] + ending)


def _written(seconds: float) -> str:
    time = datetime.fromtimestamp(seconds, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
