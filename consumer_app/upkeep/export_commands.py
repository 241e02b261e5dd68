"""`python -m consumer_app export`: the periods of all patients, as files to take away."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, TextIO, cast
from zoneinfo import ZoneInfo

import typer
from rich.progress import MofNCompleteColumn, TextColumn

from consumer_app.audit.commands import record_command
from consumer_app.exports.omop import FILES, DrugExposures
from consumer_app.exports.parquet import has_pyarrow
from consumer_app.exports.periods import ROWS, Rows
from consumer_app.exports.walk import Exported, Write, write_all
from consumer_app.memory import for_an_export
from consumer_app.settings import ConsumerSettings
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.target import existing_database_url, with_store
from consumer_app.upkeep.unfinished import created, created_text, unfinished
from runtime.child import limit_memory
from runtime.progress import progress_bar
from runtime.settings import load_settings
from runtime.zones import read_zone

cli = typer.Typer(
    help="Write the periods of all patients to files, to take away.", no_args_is_help=True
)

_NEEDS = "DATABASE_URL; for SQLite, room for the file once more in SQLITE_TMPDIR"


@cli.command(
    "periods",
    epilog=guidance(
        when="a researcher or another program is to have all periods",
        needs=f"{_NEEDS}; for Parquet, pyarrow",
        consumers="may run",
        example="export periods periods.csv",
    ),
)
def periods_(
    file: Annotated[
        Path, typer.Argument(help="Its ending says how: .csv, .ndjson or .parquet.", metavar="FILE")
    ],
) -> None:
    """Write a row for each period: patient, medication, start and end.

    They are the periods that /periods answers with, of all patients as they are at one time. The
    end is outside of the period, and empty while the patient is on the medication.

    The file names patients, can be read by its owner alone, and takes the place of no file. It has
    its name once it is whole. Interrupted, nothing of it is left: begin anew.
    """
    rows = _rows_of(file)
    url = existing_database_url()
    record_command("export periods", file=file)
    with unfinished(file) as place, created(place) as opened, rows(opened) as write:
        exported = _exported(url, write)
    typer.echo(f"{file} holds {exported.periods} periods of {exported.patients} patients")


@cli.command(
    epilog=guidance(
        when="the periods are to go into a database of the OMOP Common Data Model",
        needs=_NEEDS,
        consumers="may run",
        example="export omop exposures",
    )
)
def omop(
    folder: Annotated[Path, typer.Argument(help="Where the files go.", metavar="DIR")],
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Whose days and times they are, such as Europe/Berlin.",
            show_default="CONSUMER_TIME_ZONE, else UTC",
        ),
    ] = None,
) -> None:
    """Write a drug exposure of OMOP's CDM 5.4 for each period, as CSV.

    Besides drug_exposure.csv there are person_map.csv, by which alone somebody can tell whose an
    exposure is, and drug_map.csv with the medications' whole names. docs/exports.md says what is
    in which column.

    The folder can be read by its owner alone, and takes the place of none. It has its name once it
    is whole. Interrupted, nothing of it is left: begin anew.
    """
    zone = _zone(timezone)
    url = existing_database_url()
    record_command("export omop", folder=folder, timezone=zone)
    cut_off = datetime.now(UTC)
    with unfinished(folder) as place, _texts(place) as files:
        exported = _exported(url, DrugExposures(files, zone, cut_off).write)
    typer.echo(f"{folder} holds {exported.periods} exposures of {exported.patients} persons")


def _exported(url: str, write: Write) -> Exported:
    exported = Exported()
    most = for_an_export()
    if most is not None:
        limit_memory(most)

    async def export(store: EventStore) -> None:
        with progress_bar(MofNCompleteColumn(), TextColumn("events")) as draw:
            events = 0
            if draw is not None:
                draw(0, None)
                events = await store.about_all()

            def tell(read: int) -> None:
                if draw is not None:
                    draw(read, max(read, events))

            await write_all(store, write, exported, tell)

    try:
        with_store(url, export)
    except MemoryError:
        raise CommandFailed(
            "it takes more memory than there is beside the consumer: give it a container of its own"
        ) from None
    return exported


def _rows_of(file: Path) -> Rows:
    ending = file.suffix.lower()
    if ending not in ROWS:
        known = ", ".join(ROWS)
        raise CommandFailed(f"{file}: give it a name that ends with one of {known}")
    if ending == ".parquet" and not has_pyarrow():
        raise CommandFailed(f"{file} is Parquet: install pyarrow to have it written")
    return ROWS[ending]


@contextmanager
def _texts(folder: Path) -> Iterator[Sequence[TextIO]]:
    folder.mkdir(0o700)
    with ExitStack() as stack:
        yield [stack.enter_context(created_text(folder / name)) for name in FILES]


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return load_settings(ConsumerSettings).time_zone or UTC
    try:
        return cast("ZoneInfo", read_zone(name))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timezone") from None
