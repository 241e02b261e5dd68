"""`python -m consumer_app dead-letters`: look at the dead letters, replay or drop them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue, DeliveryMode
from aio_pika.exceptions import AMQPError

from consumer_app.dead_letters import Death
from consumer_app.settings import ConsumerSettings
from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, ROUTING_KEY, declare_topology
from runtime.broker import make_broker, make_channel
from runtime.logs import configure_logs
from runtime.settings import load_settings

_CONNECT_TIMEOUT_SECONDS = 10.0
_CONFIRM_TIMEOUT_SECONDS = 30.0

cli = typer.Typer(help=__doc__, no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The dead letter's number in the list.", min=1)]
Chosen = Annotated[int | None, typer.Argument(help="Only this one of the list.", min=1)]


@cli.command("list")
def list_() -> None:
    """List the dead letters with reason, time and origin, and without what they hold."""
    _run(_list())


@cli.command()
def show(number: Number) -> None:
    """Print one dead letter whole: it may name patients."""
    _run(_show(number))


@cli.command()
def replay(number: Chosen = None) -> None:
    """Publish dead letters to the events again; each leaves once that is confirmed."""
    _run(_replay(number))


@cli.command()
def drop(
    number: Chosen = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete dead letters for good."""
    if not yes:
        typer.confirm(
            f"Delete {'all dead letters' if number is None else f'number {number}'}?", abort=True
        )
    _run(_drop(number))


async def _list() -> None:
    async with _dead_letters() as queue:
        async for number, letter in _letters(queue):
            reason, time, origin = Death.of(letter.headers)
            typer.echo(f"{number}\t{time}\t{origin}\t{len(letter.body)} bytes\t{reason}")


async def _show(wanted: int) -> None:
    async with _dead_letters() as queue:
        async for _, letter in _letters(queue, wanted):
            for name, value in Death.of(letter.headers)._asdict().items():
                typer.echo(f"{name}: {value}")
            typer.echo(letter.body.decode(errors="backslashreplace"))


async def _replay(wanted: int | None) -> None:
    count = 0
    async with _dead_letters() as queue:
        events = await queue.channel.get_exchange(EVENTS_EXCHANGE.name, ensure=False)
        async for _, letter in _letters(queue, wanted):
            await events.publish(
                Message(
                    letter.body,
                    content_type=letter.content_type,
                    delivery_mode=DeliveryMode.PERSISTENT,
                ),
                ROUTING_KEY,
                timeout=_CONFIRM_TIMEOUT_SECONDS,
            )
            # Only now: a crash before this leaves it here, and being stored twice changes nothing.
            await letter.ack()
            count += 1
    typer.echo(f"{count} replayed")


async def _drop(wanted: int | None) -> None:
    count = 0
    async with _dead_letters() as queue:
        async for _, letter in _letters(queue, wanted):
            await letter.ack()
            count += 1
    typer.echo(f"{count} dropped")


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
        typer.echo(f"there is no dead letter {wanted}: the list has {waiting}", err=True)
        raise typer.Exit(2)


@asynccontextmanager
async def _dead_letters() -> AsyncIterator[AbstractQueue]:
    settings = load_settings(ConsumerSettings)
    configure_logs(settings.log_level)
    broker = make_broker(
        settings.rabbitmq_url, logging.getLogger(__name__), default_channel=make_channel()
    )
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            connection = await broker.connect()
            await declare_topology(broker)
            channel = await connection.channel(on_return_raises=True)
            queue = await channel.get_queue(DEAD_LETTER_QUEUE.name)
        yield queue
        await channel.close()
    finally:
        await broker.stop()


def _run(command: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(command)
    except TimeoutError:
        typer.echo(f"RabbitMQ can't be reached within {_CONNECT_TIMEOUT_SECONDS:g} s", err=True)
        raise typer.Exit(2) from None
    except (AMQPError, OSError) as error:
        typer.echo(f"RabbitMQ broke off: {type(error).__name__}", err=True)
        raise typer.Exit(2) from None
