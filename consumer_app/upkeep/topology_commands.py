"""`python -m consumer_app declare`: what RabbitMQ is to have, by a user who may declare."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Annotated

import typer
from pydantic import AmqpDsn

from consumer_app.former_queue import leave_former_queue, move_former_queue
from consumer_app.settings import ConsumerSettings
from consumer_app.upkeep.guidance import guidance
from runtime.broker import declare_all
from runtime.settings import load_settings

cli = typer.Typer()


@cli.command(
    epilog=guidance(
        when="before the first start, after an upgrade, and when a queue was deleted, where the "
        "services have CONSUMER_DECLARE=false and PUBLISHER_DECLARE=false",
        needs="RABBITMQ_URL of a user who may declare",
        consumers="may run",
        example="declare",
    )
)
def declare(
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long RabbitMQ is waited for.")
    ] = 0,
    move: Annotated[
        bool,
        typer.Option(
            "--move",
            help="Move what waits in the queue of 1.0.0, too, for as long as it takes: until it is "
            "empty and was so half a minute before, with nobody reading it.",
        ),
    ] = False,
) -> None:
    """Declare all exchanges and queues in RabbitMQ.

    That is for services whose users may not. What is there stays as it is, with its messages. To
    the queue of 1.0.0 nothing is routed any more.
    """
    urls = load_settings(ConsumerSettings).rabbitmq_urls
    waiting = asyncio.run(_declare(urls, wait))
    typer.echo("declared")
    if move:
        _tell_what_is_waited_for()
        typer.echo("moving from the queue of 1.0.0, until it stays empty and is not read", err=True)
        asyncio.run(move_former_queue(urls))
        typer.echo("moved")
    elif waiting:
        typer.echo(f"{waiting} messages wait in the queue of 1.0.0: --move moves them", err=True)


def _tell_what_is_waited_for() -> None:
    """Have what is logged of room in today's queue, and of an alarm, on standard error."""
    told = logging.StreamHandler()
    told.addFilter(
        lambda record: record.name != "aiormq.connection" or "blocked" in str(record.msg)
    )
    for name in ("consumer_app.former_queue", "aiormq.connection"):
        logging.getLogger(name).addHandler(told)
    logging.getLogger("consumer_app.former_queue").setLevel(logging.INFO)


async def _declare(urls: Iterable[AmqpDsn], patience: float) -> int:
    await declare_all(urls, patience=patience)
    return await leave_former_queue(urls)
