"""`python -m publisher_app.erase`: what a patient's right to erasure asks for of rejects."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, cast

import typer

from contracts import checked_patient
from publisher_app.erasure import ErasedRejects, NoRejects, erase_rejects
from publisher_app.formats.columns import Columns
from publisher_app.settings import PublisherSettings, read_columns
from runtime.settings import load_settings

DONE, UNCLEAR, FAILED = 0, 1, 2

_MOST_LISTED = 20


def main(
    files: Annotated[
        list[Path],
        typer.Argument(help="What a publisher has rejected: *.rejects.jsonl", metavar="FILE..."),
    ],
    patient: Annotated[str, typer.Option(help="As the events name them.", metavar="ID")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="As it was given to the publisher."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, and not only count.")] = False,
) -> None:
    """Erase a patient's rows from the rejects of published files.

    Without --yes they are only counted. A row whose patient can't be read stays: its line is told.
    Where nothing is left of a file, it is deleted. No publisher may be writing to it: run this as
    the user that publishes. The published files themselves are not touched, and hold the patient
    as before. The rest is for `python -m consumer_app database erase`.

    Exit status, the worst of all files: 0 done, 1 somebody must look at lines, 2 failed.
    """
    patient_id = _checked(patient)
    columns = _columns(map_)
    status = DONE
    for file in files:
        try:
            outcome = erase_rejects(file, patient_id, columns, dry_run=not yes)
        except NoRejects as error:
            print(error, file=sys.stderr)
            status = FAILED
            continue
        print("\n".join(_told(file, outcome, done=yes)))
        status = max(status, UNCLEAR if outcome.unclear else DONE)
    raise typer.Exit(status)


def _told(file: Path, outcome: ErasedRejects, *, done: bool) -> Iterator[str]:
    erased = "erased" if done else "would be erased (give --yes to do it)"
    yield f"{file}: {outcome.erased} of {outcome.erased + outcome.kept} rejects {erased}"
    if outcome.unclear:
        listed = ", ".join(map(str, outcome.unclear[:_MOST_LISTED]))
        more = ", …" if len(outcome.unclear) > _MOST_LISTED else ""
        yield (
            f"{file}: nobody can tell whose {len(outcome.unclear)} rejects are, and they stay: "
            f"look at line{'s' if len(outcome.unclear) > 1 else ''} {listed}{more}"
        )


def _checked(patient: str) -> str:
    try:
        return checked_patient(patient)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--patient") from None


def _columns(mapped: list[str] | None) -> Columns:
    if not mapped:
        return Columns(load_settings(PublisherSettings).map)
    try:
        return Columns(cast("dict[str, str]", read_columns(mapped)))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--map") from None


if __name__ == "__main__":
    typer.run(main)
