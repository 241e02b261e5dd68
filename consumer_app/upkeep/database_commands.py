"""`python -m consumer_app database`: migrate, back up, restore, check and purge the database."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from consumer_app.audit.commands import record_command
from consumer_app.durations import Duration
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.backups import back_up, damage_of, restore
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.options import Yes, read_before, read_option
from consumer_app.upkeep.retention import Purged, purge_histories
from consumer_app.upkeep.target import (
    check_writing,
    database_url,
    existing,
    existing_database_url,
    is_sqlite,
    sqlite_file,
    with_store,
)

DAMAGED = 1

cli = typer.Typer(
    help="Migrate, back up, restore, check or purge it; undo an import.", no_args_is_help=True
)


@cli.command(
    epilog=guidance(
        when="before the first start, for --partitions; else only to have it done by then, as "
        "consumers do it themselves",
        needs="DATABASE_URL",
        consumers="may run",
        example="database migrate",
    )
)
def migrate(
    partitions: Annotated[
        int, typer.Option(help="PostgreSQL, new: spread patients over so many.", min=0, max=1024)
    ] = 0,
) -> None:
    """Make the schema, or bring it to its newest version."""
    check_writing()
    url = database_url()
    if partitions and is_sqlite(url):
        raise CommandFailed("partitions are for PostgreSQL: DATABASE_URL names a SQLite file")

    async def migrated(store: EventStore) -> None:
        if partitions and (found := await store.partitions()) != partitions:
            raise CommandFailed(
                f"the table is there already, with {found} partitions: "
                "their number is chosen once, before the consumer's first start"
            )
        typer.echo("the schema is the newest")

    with_store(url, migrated, partitions, writes=True)


@cli.command(
    epilog=guidance(
        when="every night, and before an upgrade; keep the copy on another disk",
        needs="DATABASE_URL, a SQLite file; for PostgreSQL: pg_dump",
        consumers="may run",
        example="database backup /backups/monday.db",
    )
)
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes.", metavar="FILE")],
) -> None:
    """Copy the database while it is in use.

    The copy is consistent and checked for damage. It can be read by its owner alone, and takes
    the place of no file.
    """
    database = existing(sqlite_file("pg_dump"))
    record_command("database backup", file=file)
    events = back_up(database, file)
    typer.echo(f"{file} holds {events} events")


@cli.command(
    "restore",
    epilog=guidance(
        when="the database is lost or damaged",
        needs="DATABASE_URL, a SQLite file; for PostgreSQL: pg_restore. Run it as the user that "
        "the consumer runs as",
        consumers="must be stopped; while one has the database open, this is refused",
        example="database restore /backups/monday.db",
    ),
)
def restore_(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(help="The backup; - is standard input.", metavar="FILE"),
    ],
) -> None:
    """Put a backup in the database's place.

    That is done once it is copied whole and checked for damage. A database that is there, damaged
    or not, is kept beside it under another name.
    """
    database = sqlite_file("pg_restore")
    record_command("database restore", file=file.name)
    events, aside = restore(database, file)
    if aside is not None:
        typer.echo(f"what was there is {aside} now")
    typer.echo(f"{database} holds {events} events")


@cli.command(
    epilog=guidance(
        when="after a crash of the machine or a fault of its disk; every week",
        needs="DATABASE_URL, a SQLite file; for PostgreSQL: pg_amcheck",
        consumers="may run",
        exit_status="0 whole, 1 damaged, 2 failed",
        example="database check",
    )
)
def check() -> None:
    """Search the database for damage, and list what is found."""
    damage = damage_of(existing(sqlite_file("pg_amcheck")))
    typer.echo("\n".join(damage) or "ok")
    if damage:
        raise typer.Exit(DAMAGED)


@cli.command(
    epilog=guidance(
        when="what is older must not be kept any longer, by law or by rule",
        needs="DATABASE_URL",
        consumers="may run",
        example="database purge --before 2015-01-01T00:00:00Z",
    )
)
def purge(
    before: Annotated[str, typer.Option(help="RFC 3339: 2015-01-01T00:00:00Z.", metavar="TIME")],
    merge_gap: Annotated[
        str,
        typer.Option(help="ISO 8601: the largest that anyone asks with.", metavar="DURATION"),
    ] = "P30D",
    yes: Yes = False,
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
    time = read_before(before)
    gap: timedelta = read_option(Duration, merge_gap, "--merge-gap")
    url = existing_database_url(writes=yes)
    if yes:
        record_command("database purge", before=before, merge_gap=merge_gap)

    async def purged(store: EventStore) -> None:
        counts = Purged()
        try:
            await purge_histories(store, time, gap, counts, dry_run=not yes)
        finally:
            typer.echo(_outcome(counts, merge_gap, done=yes))

    with_store(url, purged, writes=yes)


def _outcome(counts: Purged, merge_gap: str, *, done: bool) -> str:
    deleted = "deleted" if done else "would be deleted (give --yes to do it)"
    return (
        f"{counts.events} events in {counts.histories} histories {deleted}; {counts.kept} "
        "older histories stay, as they are still open or joined with a period that stays\n"
        f"no answer about what stays changes for a merge_gap up to {merge_gap}"
    )
