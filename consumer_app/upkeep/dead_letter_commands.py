"""`python -m consumer_app dead-letters`: look at the dead letters, replay or drop them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue, DeliveryMode

from consumer_app.dead_letters import Death, kept_headers
from consumer_app.settings import ConsumerSettings
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.guidance import guidance
from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, ROUTING_KEY, declare_topology
from runtime.broker import make_broker, make_channel
from runtime.broker_errors import broker_errors
from runtime.settings import load_settings

_ANSWER_TIMEOUT_SECONDS = 10.0
_CONFIRM_TIMEOUT_SECONDS = 30.0

cli = typer.Typer(help="List, show, replay or drop what can't be stored.", no_args_is_help=True)
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
        needs="RABBITMQ_URL",
        consumers="may run",
        example="dead-letters list",
    ),
)
def list_() -> None:
    """List the dead letters, without what they hold.

    One line each: number, time, the exchange that it came from, its run, size, and the reason.

    While one command looks at them, another sees only those that it has not come to.
    """
    for line in asyncio.run(_list()):
        typer.echo(line)


@cli.command(
    epilog=guidance(
        when="the reason in the list is not enough to find out who sent it",
        needs="RABBITMQ_URL",
        consumers="may run",
        example="dead-letters show 2",
    )
)
def show(number: Number) -> None:
    """Print one dead letter whole: it may name patients."""
    typer.echo(asyncio.run(_show(number)))


@cli.command(
    epilog=guidance(
        when="what was wrong is mended, such as a consumer that was too old for the message",
        needs="RABBITMQ_URL",
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
    typer.echo(f"{asyncio.run(_replay(number))} replayed")


@cli.command(
    epilog=guidance(
        when="their events are published in another way, or are of no use",
        needs="RABBITMQ_URL",
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
    typer.echo(f"{asyncio.run(_drop(number))} dropped")


async def _list() -> list[str]:
    lines = []
    async with _dead_letters() as queue:
        async for number, letter in _letters(queue):
            reason, time, origin, run = Death.of(letter.headers)
            size = f"{len(letter.body)} bytes"
            lines.append("\t".join([str(number), time, origin, run, size, reason]))
    return lines


async def _show(wanted: int) -> str:
    lines = []
    async with _dead_letters() as queue:
        async for _, letter in _letters(queue, wanted):
            headers = Death.of(letter.headers)._asdict()
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines.append(letter.body.decode(errors="backslashreplace"))
    return "\n".join(lines)


async def _replay(wanted: int | None) -> int:
    count = 0
    async with _dead_letters() as queue:
        events = await queue.channel.get_exchange(EVENTS_EXCHANGE.name, ensure=False)
        async for _, letter in _letters(queue, wanted):
            await events.publish(
                Message(
                    letter.body,
                    headers=kept_headers(letter.headers),
                    content_type=letter.content_type,
                    delivery_mode=DeliveryMode.PERSISTENT,
                ),
                ROUTING_KEY,
                timeout=_CONFIRM_TIMEOUT_SECONDS,
            )
            # Only now: a crash before this leaves it here, and being stored twice changes nothing.
            await letter.ack()
            count += 1
    return count


async def _drop(wanted: int | None) -> int:
    count = 0
    async with _dead_letters() as queue:
        async for _, letter in _letters(queue, wanted):
            await letter.ack()
            count += 1
    return count


async def _letters(
    queue: AbstractQueue, wanted: int | None = None
) -> AsyncIterator[tuple[int, AbstractIncomingMessage]]:
    """Take the dead letters that are there now, or the one that is wanted, in their order.

    Those that are not acknowledged go back when the channel closes.
    """
    waiting = queue.declaration_result.message_count or 0
    for number in range(1, waiting + 1):
        letter = await queue.get(fail=False)
        if letter is None:
            break
        if wanted in (None, number):
            yield number, letter
        if wanted == number:
            return
    if wanted is not None:
        raise CommandFailed(f"there is no dead letter {wanted}: the list has {waiting}")


@asynccontextmanager
async def _dead_letters() -> AsyncIterator[AbstractQueue]:
    """Connect once: who gave the command learns at once that RabbitMQ is away, and why."""
    broker = make_broker(
        load_settings(ConsumerSettings).rabbitmq_urls, logging.getLogger(__name__), make_channel()
    )
    try:
        connection = await broker.connect_once()
        with broker_errors("RabbitMQ does not answer"):
            async with asyncio.timeout(_ANSWER_TIMEOUT_SECONDS):
                await declare_topology(broker)
                channel = await connection.channel(on_return_raises=True)
                queue = await channel.get_queue(DEAD_LETTER_QUEUE.name)
        with broker_errors("RabbitMQ broke off"):
            yield queue
            await channel.close()
    finally:
        await broker.stop()
