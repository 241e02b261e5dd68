"""Publishing with confirms: what is not confirmed on one channel goes out on another."""

from collections.abc import Mapping
from typing import Any

from aio_pika.exceptions import DeliveryError
from faststream.rabbit import RabbitBroker
from faststream.rabbit.parser import AioPikaParser
from faststream.rabbit.publisher import RabbitPublisher
from pamqp.commands import Basic


async def publish_confirmed(
    broker: RabbitBroker,
    publisher: RabbitPublisher,
    body: bytes,
    *,
    routing_key: str,
    headers: Mapping[str, Any],
    content_type: str | None,
    again: bool = False,
) -> None:
    """Publish a persistent message; return once a queue has it.

    A channel of RabbitMQ 3.10 stays with the node that led the queue when it was first used: while
    that node is away all that comes on it is refused, or never confirmed, though another leads by
    then. A channel that is opened now knows who leads now. What is refused goes out on one at once;
    what is published ``again``, as nothing had come for it before, does so in the first place.

    Raises:
        DeliveryError: no queue takes it, whatever the channel.

    """
    if not again:
        try:
            await publisher.publish(
                body, routing_key=routing_key, headers=dict(headers), content_type=content_type
            )
        except DeliveryError as error:
            if not isinstance(error.frame, Basic.Nack):
                raise
        else:
            return
    message = await AioPikaParser.encode_message(
        body, persist=True, headers=dict(headers), content_type=content_type
    )
    connection = await broker.connect()
    await connection.ready()
    async with connection.channel(on_return_raises=True) as channel:
        exchange = await channel.get_exchange(publisher.exchange.name, ensure=False)
        await exchange.publish(message, routing_key)
