"""Erasure: a patient leaves a file of rejects, and nobody else does."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter, ValidationError

from contracts import PatientId
from publisher_app.formats.columns import Columns, SeveralColumns

_PATIENT = TypeAdapter(PatientId)


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
    outcome = ErasedRejects()
    try:
        with file.open("rb") as lines:
            kept = _kept(lines, patient_id, columns, outcome, dry_run=dry_run)
            if dry_run:
                for _ in kept:
                    pass
            else:
                _replace(file, kept, outcome)
    except OSError as error:
        raise NoRejects(f"{file} can't be read or written: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        # Without its own words, which would repeat what is in it.
        raise NoRejects(f"{file} is no file of rejects") from None
    return outcome


def _kept(
    lines: Iterable[bytes],
    patient_id: str,
    columns: Columns,
    outcome: ErasedRejects,
    *,
    dry_run: bool,
) -> Iterator[bytes]:
    for line in lines:
        whose = _whose(json.loads(line)["row"], columns)
        if whose == patient_id:
            outcome.erased += 1
            continue
        outcome.kept += 1
        if whose is None:
            outcome.unclear.append(outcome.kept + (outcome.erased if dry_run else 0))
        yield line


def _whose(row: Any, columns: Columns) -> str | None:  # noqa: ANN401 - whatever was rejected
    """Return the patient of a row; None where nobody can tell."""
    if not isinstance(row, dict):
        return None
    try:
        return _PATIENT.validate_python(row[columns.find([*row])["patient_id"]])
    except (SeveralColumns, KeyError, ValidationError):
        return None


def _replace(file: Path, lines: Iterable[bytes], outcome: ErasedRejects) -> None:
    # Others may not read the folder, nor what is in it.
    with TemporaryDirectory(".unfinished", f"{file.name}.", file.parent) as folder:
        rest = Path(folder, file.name)
        rest.touch(mode=0o600)
        with rest.open("wb") as written:
            written.writelines(lines)
            written.flush()
            os.fsync(written.fileno())
        if not outcome.kept:
            file.unlink()
        elif outcome.erased:
            rest.replace(file)
