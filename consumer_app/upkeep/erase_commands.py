"""`python -m consumer_app database erase`: what a patient's right to erasure asks for."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer

from consumer_app.audit.commands import record_command
from consumer_app.storage.store import EventStore
from consumer_app.upkeep.dead_letter_queue import dead_letter_queue
from consumer_app.upkeep.erasure import ErasedLetters, erase_letters, rewrite
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.options import read_option
from consumer_app.upkeep.target import existing_database_url, file_of, is_sqlite, with_store
from contracts import PatientId

UNCLEAR = 1

cli = typer.Typer()

_NOT_REACHED = """\
not reached from here, and to be seen to:
- backups, what `database restore` has set aside, and archives of PostgreSQL
- what still waits in RabbitMQ: run this again once it is stored
- files that were published, and their rejects: python -m publisher_app.erase, where they are
- names of runs, where a file was named after the patient: `database runs`
- the audit, which is kept for as long as the law asks"""


@cli.command(
    epilog=guidance(
        when="a data protection officer asks for it: what is erased can't be brought back",
        needs="DATABASE_URL and RABBITMQ_URL; for SQLite, room for the file once more",
        consumers="may run; while a SQLite file is written anew they only answer",
        exit_status="0 done, 1 somebody must look at dead letters, 2 failed",
        example="database erase --patient 4711",
    )
)
def erase(
    patient: Annotated[str, typer.Option(help="As the events name them.", metavar="ID")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it, and not only count.")] = False,
) -> None:
    """Erase a patient: events, identifier, and what dead letters hold.

    Without --yes it is only counted. Of a dead letter with events of several patients the others'
    stay. Whose a letter is that can't be read, nobody can tell: it stays, and is counted.

    A SQLite file is written anew, so that nothing is left in unused parts of it. In PostgreSQL
    that is what VACUUM is for, which runs there by itself.

    What arrives of the patient later begins anew. May be interrupted and run again.
    """
    patient_id: str = read_option(PatientId, patient, "--patient")
    url = existing_database_url()
    # To count a patient's events is to look at them, too.
    record_command("database erase", patient=patient_id, yes=yes)

    async def erased(store: EventStore) -> None:
        async with dead_letter_queue() as queue:
            letters = await erase_letters(queue, patient_id, dry_run=not yes)
        events = await (store.erase(patient_id) if yes else store.count(patient_id))
        typer.echo("\n".join(_outcome(events, letters, done=yes)))
        if yes and is_sqlite(url):
            await asyncio.to_thread(rewrite, file_of(url))
        if letters.unclear:
            raise typer.Exit(UNCLEAR)

    with_store(url, erased, writes=yes)


def _outcome(events: int, letters: ErasedLetters, *, done: bool) -> Iterator[str]:
    erased = "erased" if done else "would be erased (give --yes to do it)"
    yield f"{events} stored events, and {letters.events} in {letters.letters} dead letters {erased}"
    if letters.unclear:
        listed = ", ".join(map(str, letters.unclear))
        numbers = "run this without --yes for their numbers" if done else f"numbers {listed}"
        yield (
            f"{len(letters.unclear)} dead letters hold what nobody can tell whose it is, and stay: "
            f"look at them with `dead-letters show` ({numbers})"
        )
    yield _NOT_REACHED
