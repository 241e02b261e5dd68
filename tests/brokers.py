"""Real brokers as tests need them."""

import asyncio

from pydantic import AmqpDsn

from local.broker import PrivateBroker
from runtime.broker import declare_all


def settle(broker: PrivateBroker) -> None:
    """Declare all queues, and start the broker anew so that they stand on the disk.

    A quorum queue that is killed within seconds of its first declaration may have no leader when
    RabbitMQ 3.10 is back, and then takes nothing from anybody.
    """
    asyncio.run(declare_all([AmqpDsn(broker.url)]))
    broker.stop()
    broker.start()
