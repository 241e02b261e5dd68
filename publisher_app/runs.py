"""Runs: the names by which what was published at one go can be taken out again."""

import os
import stat
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from contracts import (
    MAX_IDENTIFIER_CHARACTERS,
    MAX_SOURCE_CHARACTERS,
    checked_run,
    legible,
    written_source,
)

STANDARD_INPUT = "-"


def run_of_input(name: str, status: os.stat_result) -> str:
    """Name the run of an input that is open, and has this status.

    For a file that is its name, size and time of change, so that it is the same run when the file
    is published again; for a pipe, which can't be told from another, the time of now.
    """
    source = "stdin" if name == STANDARD_INPUT else Path(name).name
    if not stat.S_ISREG(status.st_mode):
        return _named(source, _written(datetime.now(UTC).timestamp()))
    return _named(source, str(status.st_size), _written(status.st_mtime))


def source_of_input(name: str, *, run_is_named: bool) -> str:
    """Tell from where an input comes: a file by its name, without the folder that it lies in.

    Who names the run may do so as the file's name has a patient in it: then it is left out.
    """
    if name == STANDARD_INPUT:
        return "stdin"
    return "file" if run_is_named else written_source(f"file {Path(name).name}")


def source_of_request(subject: str, address: str | None) -> str:
    """Tell who has sent a request, and from which address, which is there however long that is."""
    place = "" if address is None else f" at {address}"
    return written_source(subject)[: MAX_SOURCE_CHARACTERS - len(place)] + place


def _named(source: str, *rest: str) -> str:
    ending = "/".join(["", *rest])
    # A file may have any name, of bytes that are no text too.
    written = unicodedata.normalize("NFC", legible(source))
    return checked_run(written[: MAX_IDENTIFIER_CHARACTERS - len(ending)] + ending)


def _written(seconds: float) -> str:
    time = datetime.fromtimestamp(seconds, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
