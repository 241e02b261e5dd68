"""`python -m consumer_app.maintenance`: migrate the database, back it up, check it, purge it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import make_url

from consumer_app.retention import purge_histories
from consumer_app.settings import ConsumerSettings
from consumer_app.store import DatabaseUnavailable, EventStore
from contracts import EventTime, reasons
from runtime.logs import configure_logs
from runtime.settings import load_settings

FAILED = 2

cli = typer.Typer(help=__doc__, no_args_is_help=True)


@cli.command()
def migrate() -> None:
    """Bring the schema to its newest version, as the consumer does at its start."""

    async def migrated(_: EventStore) -> str:
        return "the schema is the newest"

    _with_store(migrated)


@cli.command()
def backup(file: Annotated[Path, typer.Argument(help="Where the copy goes.")]) -> None:
    """Copy the database while it is in use; the copy is consistent."""
    database = _sqlite_file("pg_dump")
    if file.exists():
        _fail(f"{file} is there already: name another file")
    try:
        # Written beside and renamed, so that a file of that name is always a whole copy.
        unfinished = file.with_name(file.name + ".unfinished")
        unfinished.unlink(missing_ok=True)
        with closing(_open(database)) as source, closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
        unfinished.rename(file)
    except (sqlite3.Error, OSError) as error:
        _fail(f"the backup failed: {error}")
    typer.echo(f"{file} holds {_count(file)} events")


@cli.command()
def check() -> None:
    """Check the database's integrity; exit status 1 when it is damaged."""
    database = _sqlite_file("pg_amcheck")
    try:
        with closing(_open(database)) as connection:
            findings = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as error:
        findings = [str(error)]
    typer.echo("\n".join(findings))
    if findings != ["ok"]:
        raise typer.Exit(1)


@cli.command()
def purge(
    before: Annotated[str, typer.Option(help="RFC 3339 time, such as 2015-01-01T00:00:00Z.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it, and not only count.")] = False,
) -> None:
    """Delete histories that ended before a time: retention.

    Goes by whole histories (a patient's medication and order), so that no period that stays
    changes; where the patient is still on the medication, the history stays.
    """
    try:
        time: datetime = TypeAdapter(EventTime).validate_python(before)
    except ValidationError as error:
        raise typer.BadParameter(reasons(error), param_hint="--before") from None

    async def purged(store: EventStore) -> str:
        counts = await purge_histories(store, time, dry_run=not yes)
        done = "deleted" if yes else "would be deleted (give --yes to do it)"
        return (
            f"{counts.events} events in {counts.histories} histories {done}; "
            f"{counts.still_open} older histories stay, as they are still open"
        )

    _with_store(purged)


def _with_store(command: Callable[[EventStore], Awaitable[str]]) -> None:
    """Run a command over the opened store and print what it says."""

    async def run() -> str:
        async with EventStore.at(_settings().database_url) as store:
            if problem := await store.trouble():
                raise DatabaseUnavailable(problem)
            return await command(store)

    try:
        typer.echo(asyncio.run(run()))
    except DatabaseUnavailable as error:
        _fail(str(error))


def _sqlite_file(instead: str) -> Path:
    url = make_url(_settings().database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        _fail(f"this is for a SQLite file; for PostgreSQL use {instead}")
    database = Path(url.database)
    if not database.exists():
        _fail(f"there is no database {database}")
    return database


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _count(database: Path) -> int:
    with closing(_open(database)) as connection:
        count: int = connection.execute("SELECT count(*) FROM medication_event").fetchone()[0]
    return count


def _settings() -> ConsumerSettings:
    settings = load_settings(ConsumerSettings)
    configure_logs(settings.log_level)
    return settings


def _fail(problem: str) -> NoReturn:
    typer.echo(problem, err=True)
    raise typer.Exit(FAILED)


if __name__ == "__main__":
    cli()
