"""`python -m consumer_app dead-letters`: look at the dead letters, replay, drop or purge them."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from consumer_app.audit.commands import record_command
from consumer_app.dead_letters import Death, kept_headers
from consumer_app.upkeep.dead_letter_queue import dead_letter_queue
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.options import Yes, read_before
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY

_NEEDS = (
    "RABBITMQ_URL: with CONSUMER_DECLARE=false not the consumer's, but of a user who may declare"
)
_NEEDS_AUDIT = f"{_NEEDS}; DATABASE_URL for the audit"

cli = typer.Typer(
    help="List, show, replay, drop or purge what can't be stored.", no_args_is_help=True
)
Number = Annotated[
    int, typer.Argument(help="The dead letter's number in the list.", metavar="NUMBER", min=1)
]
Chosen = Annotated[
    int | None, typer.Argument(help="Only this one of the list.", metavar="[NUMBER]", min=1)
]


@cli.command(
    "list",
    epilog=guidance(
        when="the consumer has logged that a message is a dead letter; every day",
        needs=_NEEDS,
        consumers="may run",
        example="dead-letters list",
    ),
)
def list_() -> None:
    """List the dead letters, without what they hold.

    One line each: number, time, the exchange that it came from, its run, size, and the reason.

    While one command works with them, another is refused.
    """
    for line in asyncio.run(_list()):
        typer.echo(line)


@cli.command(
    epilog=guidance(
        when="the reason in the list is not enough to find out who sent it",
        needs=_NEEDS_AUDIT,
        consumers="may run",
        example="dead-letters show 2",
    )
)
def show(number: Number) -> None:
    """Print one dead letter whole: it may name patients."""
    record_command("dead-letters show", number=number)
    typer.echo(asyncio.run(_show(number)))


@cli.command(
    epilog=guidance(
        when="what was wrong is mended, such as a consumer that was too old for the message",
        needs=_NEEDS_AUDIT,
        consumers="may run, and store what is replayed",
        example="dead-letters replay",
    )
)
def replay(number: Chosen = None) -> None:
    """Publish dead letters to the events again.

    Each leaves the list once that is confirmed. A message that still can't be stored becomes a
    dead letter again. May be interrupted and run again: an event that is stored already changes
    nothing.
    """
    record_command("dead-letters replay", number=number)
    typer.echo(f"{asyncio.run(_replay(number))} replayed")


@cli.command(
    epilog=guidance(
        when="their events are published in another way, or are of no use",
        needs=_NEEDS_AUDIT,
        consumers="may run",
        exit_status="0 done, 1 not confirmed, 2 failed",
        example="dead-letters drop 2",
    )
)
def drop(
    number: Chosen = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete dead letters for good."""
    if not yes:
        typer.confirm(
            f"Delete {'all dead letters' if number is None else f'number {number}'}?", abort=True
        )
    record_command("dead-letters drop", number=number)
    typer.echo(f"{asyncio.run(_drop(number))} dropped")


@cli.command(
    epilog=guidance(
        when="what is older must not be kept any longer, by law or by rule: they hold patients",
        needs=_NEEDS_AUDIT,
        consumers="may run",
        example="dead-letters purge --before 2026-01-01T00:00:00Z",
    )
)
def purge(
    before: Annotated[str, typer.Option(help="RFC 3339: 2026-01-01T00:00:00Z.", metavar="TIME")],
    yes: Yes = False,
) -> None:
    """Delete dead letters that became one before a time.

    Without --yes they are only counted. The others stay, in their order, and so do those whose time
    can't be read. May be interrupted and run again.
    """
    time = read_before(before)
    if yes:
        record_command("dead-letters purge", before=before)
    typer.echo(asyncio.run(_purge(time, dry_run=not yes)))


async def _list() -> list[str]:
    lines = []
    async with dead_letter_queue() as queue:
        async for number, letter in queue.letters():
            reason, time, origin, run = Death.of(letter.headers)
            size = f"{len(letter.body)} bytes"
            lines.append("\t".join([str(number), time, origin, run, size, reason]))
    return lines


async def _show(wanted: int) -> str:
    lines = []
    async with dead_letter_queue() as queue:
        async for _, letter in queue.letters(wanted):
            headers = Death.of(letter.headers)._asdict()
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines.append(letter.body.decode(errors="backslashreplace"))
    return "\n".join(lines)


async def _replay(wanted: int | None) -> int:
    count = 0
    async with dead_letter_queue() as queue:
        async for _, letter in queue.letters(wanted):
            headers = kept_headers(letter.headers)
            await queue.publish(letter, letter.body, headers, EVENTS_EXCHANGE, ROUTING_KEY)
            # Only now: a crash before this leaves it here, and being stored twice changes nothing.
            await letter.ack()
            count += 1
    return count


async def _drop(wanted: int | None) -> int:
    count = 0
    async with dead_letter_queue() as queue:
        async for _, letter in queue.letters(wanted):
            await letter.ack()
            count += 1
    return count


async def _purge(before: datetime, *, dry_run: bool) -> str:
    older = kept = undated = 0
    async with dead_letter_queue() as queue:
        async for _, letter in queue.letters():
            since = Death.of(letter.headers).since
            undated += since is None
            if since is None or since >= before:
                # It goes back in the end: let go now, it would come once more.
                kept += 1
                continue
            older += 1
            if not dry_run:
                await letter.ack()
    return _purged(older, kept, undated, done=not dry_run)


def _purged(older: int, kept: int, undated: int, *, done: bool) -> str:
    deleted = "deleted" if done else "would be deleted (give --yes to do it)"
    remark = f", {undated} of them as their time can't be read" if undated else ""
    return f"{older} {deleted}; {kept} stay{remark}"
