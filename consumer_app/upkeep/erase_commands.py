"""`python -m consumer_app database erase`: what a patient's right to erasure asks for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from consumer_app.audit.commands import record_command
from consumer_app.storage.replacing import copies_beside
from consumer_app.storage.store import EventStore
from consumer_app.upkeep.backups import set_aside_beside
from consumer_app.upkeep.dead_letter_queue import dead_letter_queue
from consumer_app.upkeep.erasure import ErasedLetters, check_room, erase_letters, rewrite
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.options import Yes, read_option
from consumer_app.upkeep.target import existing_database_url, file_of, is_sqlite, with_store
from contracts import PatientId

UNCLEAR = 1

cli = typer.Typer()

_NOT_REACHED = """\
not reached from here, and to be seen to:
- backups, and archives of PostgreSQL
- what still waits in RabbitMQ: run this again once it is stored
- files that were published, and their rejects: python -m publisher_app.erase, where they are
- the audit, which is kept for as long as the law asks"""
_UNUSED_PARTS = """\
- unused parts of PostgreSQL's pages, also after VACUUM, until they are used again, or until
  VACUUM (FULL, ANALYZE) patient, event, record, record_event; VACUUM FULL pg_statistic;
  which locks these tables meanwhile"""


@cli.command(
    epilog=guidance(
        when="a data protection officer asks for it: what is erased can't be brought back",
        needs="DATABASE_URL and RABBITMQ_URL; for SQLite, room for the file once more beside it, "
        "and in SQLITE_TMPDIR",
        consumers="may run, but no other dead-letters command; while a SQLite file is written anew "
        "they only answer",
        exit_status="0 done, 1 somebody must look at dead letters, 2 failed",
        example="database erase --patient 4711",
    )
)
def erase(
    patient: Annotated[str, typer.Option(help="As the events name them.", metavar="ID")],
    yes: Yes = False,
) -> None:
    """Erase a patient: events, identifier, and what dead letters hold.

    Without --yes it is only counted. Of a dead letter with events of several patients the others'
    stay. Whose a letter is that can't be read, nobody can tell: it stays, and is counted.

    A SQLite file is written anew, so that nothing is left in unused parts of it. In PostgreSQL
    only VACUUM FULL does that. What this does not reach it names.

    What arrives of the patient later begins anew. May be interrupted and run again.
    """
    patient_id: str = read_option(PatientId, patient, "--patient")
    url = existing_database_url(writes=yes)
    file = file_of(url) if is_sqlite(url) else None
    if yes and file is not None:
        check_room(file)
    # To count a patient's events is to look at them, too.
    record_command("database erase", patient=patient_id, yes=yes)

    async def erased(store: EventStore) -> None:
        async with dead_letter_queue() as queue:
            letters = await erase_letters(queue, patient_id, dry_run=not yes)
        events = await (store.erase(patient_id) if yes else store.count(patient_id))
        if yes and letters.unclear:
            # Others have gone from before them since, or they were written anew, and are the last.
            async with dead_letter_queue() as queue:
                now = await erase_letters(queue, patient_id, dry_run=True)
            letters.unclear = now.unclear
        runs = await _runs_that_tell(store, patient_id)
        typer.echo("\n".join([*_outcome(events, letters, done=yes), *_not_reached(file, runs)]))
        if yes and file is not None:
            await asyncio.to_thread(rewrite, file)
        if letters.unclear:
            raise typer.Exit(UNCLEAR)

    with_store(url, erased, writes=yes)


def _outcome(events: int, letters: ErasedLetters, *, done: bool) -> Iterator[str]:
    erased = "erased" if done else "would be erased (give --yes to do it)"
    yield f"{events} stored events, and {letters.events} in {letters.letters} dead letters {erased}"
    if letters.unclear:
        listed = ", ".join(map(str, letters.unclear))
        yield (
            f"{len(letters.unclear)} dead letters hold what nobody can tell whose it is, and stay: "
            f"look at them with `dead-letters show` (numbers {listed})"
        )


async def _runs_that_tell(store: EventStore, patient_id: str) -> int:
    """Count the runs whose name holds the identifier, or that of a file that brought them."""
    sources = await store.sources()
    told = [(run.name, *sources.get(run.id, ())) for run in await store.runs()]
    return sum(any(patient_id in each for each in texts) for texts in told)


def _not_reached(file: Path | None, runs: int) -> Iterator[str]:
    yield _NOT_REACHED
    yield (
        "- names of runs, and of files that brought them, where they have the identifier in them: "
        f"of {runs} of `database runs`"
    )
    if file is None:
        yield _UNUSED_PARTS
        return
    for copy in (*copies_beside(file), *set_aside_beside(file)):
        yield f"- {copy}, which holds all patients: delete it where it is of no use any more"
