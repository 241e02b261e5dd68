"""Retraction: what a run of the publisher alone has brought is taken out again.

First the run is marked, which waits for what is being stored of it, and lets nothing of it be
stored from then on. Then its versions of records go, so that those below count, and its events,
span by span: of each patient all at once. What another run brings meanwhile becomes that run's.
"""

from collections import Counter
from dataclasses import dataclass

from consumer_app.storage.runs import Counted, Run
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from contracts import checked_run

_NOTHING = Counted(0, 0)


@dataclass
class Retracted:
    """What a retraction has taken out so far, or would take out."""

    events: int = 0
    patients: int = 0
    shared: int = 0
    """Events that the run brought first, and that stay as another one brought them too."""
    versions: int = 0
    """Versions of records, those without events too: what they superseded counts again."""


async def find_run(store: EventStore, name: str) -> Run:
    """Find a run by its name, which is read as in a message.

    Raises:
        CommandFailed: there is none.
        DatabaseUnavailable: the database can't be read.

    """
    try:
        wanted = checked_run(name)
    except ValueError as error:
        raise CommandFailed(f"no run has such a name: {error}") from None
    for run in await store.runs():
        if run.name == wanted:
            return run
    raise CommandFailed(
        f"nothing has arrived yet of a run {wanted}: `database runs` lists the runs; "
        "where its events still wait in RabbitMQ, try again once the first are stored"
    )


async def retract_run(store: EventStore, run: Run, retracted: Retracted, *, dry_run: bool) -> None:
    """Take out what a run alone has brought; keep the tally in ``retracted``.

    It may be interrupted anywhere, and repeated.

    Raises:
        DatabaseUnavailable: the database can't be read or written; what is taken out stays so.

    """
    if not dry_run:
        await store.retract(run)
        # First: what they superseded counts again, and nothing of them does.
        retracted.versions = await store.delete_versions(run)
    else:
        retracted.versions = await store.count_versions(run)
    async for span in store.spans():
        found = await store.counts(span)
        alone = found.get(run.id, _NOTHING)
        retracted.shared += found.get(-run.id, _NOTHING).events
        deleting = alone.events and not dry_run
        retracted.events += await store.delete_run(run, span) if deleting else alone.events
        retracted.patients += alone.patients
    if not dry_run:
        await store.forget_names()


async def events_by_run(store: EventStore) -> Counter[int]:
    """Count all events by the ``run`` that stands in the table.

    Raises:
        DatabaseUnavailable: the database can't be read.

    """
    events: Counter[int] = Counter()
    async for span in store.spans():
        events.update({run: counted.events for run, counted in (await store.counts(span)).items()})
    return events
