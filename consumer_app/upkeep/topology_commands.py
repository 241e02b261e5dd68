"""`python -m consumer_app declare`: what RabbitMQ is to have, by a user who may declare."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from pydantic import AmqpDsn

from consumer_app.former_queue import empty_former_queue_once
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
) -> None:
    """Declare all exchanges and queues in RabbitMQ.

    That is for services whose users may not. What is there stays as it is, with its messages. What
    waits in the queue of 1.0.0 is moved.
    """
    asyncio.run(_declare(load_settings(ConsumerSettings).rabbitmq_urls, wait))
    typer.echo("declared")


async def _declare(urls: Iterable[AmqpDsn], patience: float) -> None:
    await declare_all(urls, patience=patience)
    await empty_former_queue_once(urls)
