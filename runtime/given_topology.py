"""Channels for a user who may not declare: exchanges and queues are taken to be there.

RabbitMQ is not asked for them passively either: 4.2.6 and 4.3.0 want the right to configure for it.
What is missing shows when it is used.
"""

from typing import Any

from aio_pika import RobustChannel
from aio_pika.robust_exchange import RobustExchange
from aio_pika.robust_queue import RobustQueue
from aiormq.abc import AbstractChannel
from pamqp.commands import Exchange, Queue


class GivenExchange(RobustExchange):
    """An exchange that somebody else has declared."""

    async def declare(self, *_: Any, **__: Any) -> Exchange.DeclareOk:  # noqa: ANN401
        """Ask for nothing."""
        return Exchange.DeclareOk()


class GivenQueue(RobustQueue):
    """A queue that somebody else has declared and bound."""

    async def declare(self, *_: Any, **__: Any) -> Queue.DeclareOk:  # noqa: ANN401
        """Ask for nothing, and so count neither messages nor consumers."""
        self.declaration_result = Queue.DeclareOk(self.name, 0, 0)
        return self.declaration_result

    async def bind(self, *_: Any, **__: Any) -> Queue.BindOk:  # noqa: ANN401
        """Ask for nothing."""
        return Queue.BindOk()

    async def _probe(self, channel: AbstractChannel) -> None:
        """Leave it to the subscription to find out whether a queue is there that was deleted."""


class GivenChannel(RobustChannel):
    """A channel on which nothing is declared, whatever it is told to declare."""

    QUEUE_CLASS = GivenQueue
    EXCHANGE_CLASS = GivenExchange
