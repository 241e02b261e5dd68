"""`python -m consumer_app database`: migrate the database, back it up, check it, purge it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import make_url

from consumer_app.durations import Duration
from consumer_app.settings import ConsumerSettings
from consumer_app.storage.store import DatabaseUnavailable, EventStore
from consumer_app.upkeep.backups import NoBackup, back_up, damage_of
from consumer_app.upkeep.retention import Purged, purge_histories
from contracts import EventTime, reasons
from runtime.logs import configure_logs
from runtime.settings import load_settings

DAMAGED, FAILED = 1, 2

cli = typer.Typer(help=__doc__, no_args_is_help=True)


@cli.command()
def migrate(
    partitions: Annotated[
        int, typer.Option(help="PostgreSQL, new: spread patients over so many.", min=0, max=1024)
    ] = 0,
) -> None:
    """Bring the schema to its newest version, as the consumer does at its start."""
    url = _database_url()
    if partitions and _is_sqlite(url):
        _fail("partitions are for PostgreSQL: DATABASE_URL names a SQLite file")

    async def migrated(store: EventStore) -> None:
        if problem := await store.problem():
            raise DatabaseUnavailable(problem)
        if partitions and (found := await store.partitions()) != partitions:
            _fail(
                f"the table is there already, with {found} partitions: "
                "their number is chosen once, before the consumer's first start"
            )
        typer.echo("the schema is the newest")

    _with_store(url, migrated, partitions)


@cli.command()
def backup(file: Annotated[Path, typer.Argument(help="Where the copy goes.")]) -> None:
    """Copy the database while it is in use; the copy is consistent, and checked for damage."""
    try:
        events = back_up(_sqlite_file("pg_dump"), file)
    except NoBackup as error:
        _fail(str(error))
    typer.echo(f"{file} holds {events} events")


@cli.command()
def check() -> None:
    """Check the database's integrity; exit status 1 when it is damaged."""
    database = _sqlite_file("pg_amcheck")
    try:
        damage = damage_of(database)
    except sqlite3.OperationalError as error:
        _fail(f"{database} can't be checked: {error}")
    typer.echo("\n".join(damage) or "ok")
    if damage:
        raise typer.Exit(DAMAGED)


@cli.command()
def purge(
    before: Annotated[str, typer.Option(help="RFC 3339: 2015-01-01T00:00:00Z.", metavar="TIME")],
    merge_gap: Annotated[
        str,
        typer.Option(help="ISO 8601: the largest that anyone asks with.", metavar="DURATION"),
    ] = "P30D",
    yes: Annotated[bool, typer.Option("--yes", help="Do it, and not only count.")] = False,
) -> None:
    """Delete histories that ended before a time.

    Without --yes they are only counted. A history is a patient's medication and order. It goes as
    a whole, with its periods and its anomalies, once its last event is before the time; or it
    stays as a whole, while the patient is still on the medication and while one of its periods is
    joined with a period that stays. So no answer about what stays changes, neither its periods nor
    its anomalies, for any merge_gap up to --merge-gap, and without one. (A query with a larger one
    may then show a period that begins later or ends earlier than before.)

    May be interrupted and run again. To publish an old file again brings back what was purged of
    it, and backups still hold it.
    """
    time = _past(before)
    gap: timedelta = _read(Duration, merge_gap, "--merge-gap")
    url = _database_url()
    if _is_sqlite(url):
        _existing(url)

    async def purged(store: EventStore) -> None:
        counts = Purged()
        try:
            await purge_histories(store, time, gap, counts, dry_run=not yes)
        finally:
            typer.echo(_outcome(counts, merge_gap, done=yes))

    _with_store(url, purged)


def _outcome(counts: Purged, merge_gap: str, *, done: bool) -> str:
    deleted = "deleted" if done else "would be deleted (give --yes to do it)"
    return (
        f"{counts.events} events in {counts.histories} histories {deleted}; {counts.kept} "
        "older histories stay, as they are still open or joined with a period that stays\n"
        f"no answer about what stays changes for a merge_gap up to {merge_gap}"
    )


def _past(text: str) -> datetime:
    time: datetime = _read(EventTime, text, "--before")
    if time > datetime.now(UTC):
        raise typer.BadParameter("lies in the future: name one that is over", param_hint="--before")
    return time


def _read(kind: Any, text: str, option: str) -> Any:  # noqa: ANN401 - as the kind says
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(reasons(error), param_hint=option) from None


def _with_store(
    url: str, command: Callable[[EventStore], Awaitable[None]], partitions: int = 0
) -> None:
    async def run() -> None:
        async with EventStore.at(url, partitions) as store:
            await command(store)

    try:
        asyncio.run(run())
    except DatabaseUnavailable as error:
        _fail(str(error))


def _sqlite_file(instead: str) -> Path:
    url = _database_url()
    if not _is_sqlite(url):
        _fail(f"this is for a SQLite file; for PostgreSQL use {instead}")
    return _existing(url)


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _existing(url: str) -> Path:
    database = Path(make_url(url).database or "")
    if not database.is_file():
        _fail(f"there is no database {database}: DATABASE_URL names it")
    return database


def _database_url() -> str:
    settings = load_settings(ConsumerSettings)
    configure_logs(settings.log_level)
    return settings.database_url


def _fail(problem: str) -> NoReturn:
    typer.echo(problem, err=True)
    raise typer.Exit(FAILED)
