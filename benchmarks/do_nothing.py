"""A yardstick: a FastStream app whose handler does nothing, one event a message.

It prints how many messages a second it took, once it has taken `MESSAGES` of them.
"""

import os
import time
from typing import Any

from faststream import FastStream
from faststream.rabbit import Channel, RabbitBroker

from contracts.topology import EVENTS_EXCHANGE, EVENTS_QUEUE

broker = RabbitBroker(os.environ["RABBITMQ_URL"], logger=None)
app = FastStream(broker, logger=None)
_messages = int(os.environ["MESSAGES"])
_times: list[float] = []


@broker.subscriber(EVENTS_QUEUE, EVENTS_EXCHANGE, channel=Channel(prefetch_count=250))
async def nothing(_: dict[str, Any]) -> None:
    """Take a message."""
    _times.append(time.monotonic())
    if len(_times) == _messages:
        print((_messages - 1) / (_times[-1] - _times[0]), flush=True)
