"""`python -m consumer_app database runs` and `retract`: undo what a wrong import has brought."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from consumer_app.audit.commands import record_command
from consumer_app.storage.store import EventStore
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.options import Yes
from consumer_app.upkeep.retraction import Retracted, events_by_run, find_run, retract_run
from consumer_app.upkeep.target import existing_database_url, with_store

_MOST_SOURCES = 10

cli = typer.Typer()


@cli.command(
    epilog=guidance(
        when="the name of a run is needed, or what it has brought",
        needs="DATABASE_URL",
        consumers="may run",
        example="database runs",
    )
)
def runs() -> None:
    """List the runs of publishers and what each has brought.

    One line each: when its first event arrived, the events that it alone has brought, those that
    it brought first and another run too, those that came after its retraction, the time of the
    retraction or -, who brought it, or from where (subjects and addresses of requests, files
    without their folders, - where that is not known), and its name. All events are read for it.
    """

    async def listed(store: EventStore) -> None:
        events = await events_by_run(store)
        sources = await store.sources()
        for run in await store.runs():
            counts = events[run.id], events[-run.id], run.late_events
            retracted_at = "-" if run.retracted_at is None else _written(run.retracted_at)
            brought_by = _shown(sources.get(run.id, ()))
            shown = [_written(run.first_received_at), *counts, retracted_at, brought_by, run.name]
            typer.echo("\t".join(map(str, shown)))

    with_store(existing_database_url(), listed)


@cli.command(
    epilog=guidance(
        when="a file was published that should not have been, or with wrong options",
        needs="DATABASE_URL",
        consumers="may run",
        example="database retract monday",
    )
)
def retract(
    name: Annotated[
        str,
        typer.Argument(help="As the publisher and `database runs` show it.", metavar="RUN"),
    ],
    yes: Yes = False,
) -> None:
    """Take out what a run of a publisher alone has brought.

    Without --yes it is only counted. What another run has brought too stays. The answers about the
    patients concerned change: for one patient after the other, save that versions of records go
    first, all at once.

    The name takes nothing any more: what arrives of the run afterwards, whether it waited in
    RabbitMQ or is published later, is not stored, but counted, and `database runs` shows it. A
    retraction can't be taken back; what is to be there again has to be published again, as another
    run: `python -m publisher_app FILE --run NAME`. That holds for the same file with better
    options, too.

    May be interrupted and run again.
    """
    url = existing_database_url(writes=yes)
    if yes:
        record_command("database retract", run=name)

    async def retracted(store: EventStore) -> None:
        run = await find_run(store, name)
        counts = Retracted()
        try:
            await retract_run(store, run, counts, dry_run=not yes)
        finally:
            typer.echo(_outcome(counts, done=yes))

    with_store(url, retracted, writes=yes)


def _shown(sources: Sequence[str]) -> str:
    more = len(sources) - _MOST_SOURCES
    return "; ".join([*sources[:_MOST_SOURCES], *([f"and {more} more"] if more > 0 else [])]) or "-"


def _written(time: datetime) -> str:
    return f"{time:%FT%TZ}"


def _outcome(counts: Retracted, *, done: bool) -> str:
    taken = "taken out" if done else "would be taken out (give --yes to do it)"
    change = "have changed" if done else "would change"
    of_records = ""
    if counts.versions:
        versions = _counted(counts.versions, "version")
        of_records = f", {versions} of records, of which those before count again"
    return (
        f"{_counted(counts.events, 'event')} of {_counted(counts.patients, 'patient')}{of_records} "
        f"{taken}; "
        f"{counts.shared} that it brought first stay, as another run has brought them too\n"
        f"the periods of these patients {change}; to publish the same file again, give it another "
        "name: --run NAME"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
