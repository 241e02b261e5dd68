"""Erasure: a patient leaves a file of rejects, and nobody else does."""

import glob
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contracts import checked_patient
from publisher_app.formats.columns import Columns
from publisher_app.rejects import holds_rejects
from runtime.durable import delete, put_in_place

_UNFINISHED = ".unfinished"
_LINE_BREAK = re.compile(r"[\r\n]")


class NoRejects(Exception):
    """It is no file of rejects, or can't be read or written; the text names it, and says why."""


@dataclass
class ErasedRejects:
    """What is erased of a file of rejects, or would be."""

    erased: int = 0
    kept: int = 0
    unclear: list[int] = field(default_factory=list)
    """Lines that stay, and of which nobody can tell whose they are, from 1; after a dry run as they
    are counted now, else as they are afterwards."""


def erase_rejects(file: Path, patient_id: str, columns: Columns, *, dry_run: bool) -> ErasedRejects:
    """Take a patient's rows out of a file of rejects, which goes where no other is in it.

    The ``columns`` are those that the rows were read with. No publisher may be writing to the file.

    Raises:
        NoRejects: it is left as it is.

    """
    try:
        # What a link names holds the patient, and not the link.
        found = file.resolve(strict=True)
        if not holds_rejects(found):
            raise NoRejects(f"{file} is no file of rejects")
        if found.stat().st_nlink > 1:
            raise NoRejects(f"{file} has another name, too, by which all would stay: delete that")
        outcome = ErasedRejects()
        for _ in _kept(found, patient_id, columns, outcome, stays=True):
            pass
        if dry_run:
            return outcome
        # What one that was killed has left.
        for left in found.parent.glob(f"{glob.escape(found.name)}.*{_UNFINISHED}"):
            shutil.rmtree(left)
        return _erase(found, patient_id, columns) if outcome.erased else outcome
    except OSError as error:
        raise NoRejects(f"{file} can't be read or written: {error.strerror}") from None


def _erase(file: Path, patient_id: str, columns: Columns) -> ErasedRejects:
    outcome = ErasedRejects()
    # Others may not read the folder, nor what is in it.
    with TemporaryDirectory(_UNFINISHED, f"{file.name}.", file.parent) as folder:
        rest = Path(folder, file.name)
        rest.touch(mode=0o600)
        with rest.open("wb") as written:
            for line in _kept(file, patient_id, columns, outcome, stays=False):
                written.write(line)
            written.flush()
            os.fsync(written.fileno())
        if outcome.kept:
            put_in_place(rest, file)
        else:
            delete(file)
    return outcome


def _kept(
    file: Path, patient_id: str, columns: Columns, outcome: ErasedRejects, *, stays: bool
) -> Iterator[bytes]:
    with file.open("rb") as lines:
        for line in lines:
            whose = _whose(line, columns)
            if whose == patient_id:
                outcome.erased += 1
                continue
            outcome.kept += 1
            if whose is None:
                outcome.unclear.append(outcome.kept + (outcome.erased if stays else 0))
            yield line


def _whose(line: bytes, columns: Columns) -> str | None:
    """Return the patient of a reject; None where nobody can tell."""
    try:
        row = json.loads(line)["row"]
        # A quote that is never closed takes in the rows of others, up to another one.
        if not isinstance(row, dict) or any(_LINE_BREAK.search(text) for text in _texts(row)):
            return None
        return checked_patient(row[columns.find([*row])["patient_id"]])
    except (ValueError, KeyError, TypeError, RecursionError):
        # No JSON is what a publisher was killed at.
        return None


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever was rejected
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
