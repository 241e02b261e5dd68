"""A yardstick: a bare loop that parses lines and publishes lists of 1,000, each confirmed.

`python -m benchmarks.bare_publisher FILE` prints how many events a second it published.
"""

import asyncio
import json
import os
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TextIO

import aio_pika

from contracts import MAX_EVENTS
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY

_UNCONFIRMED = 16


async def main(lines: TextIO) -> None:
    """Publish JSON Lines, with as many messages unconfirmed as the publisher has."""
    published = 0
    begin = time.monotonic()
    async with await aio_pika.connect(os.environ["RABBITMQ_URL"]) as connection:
        exchange = await (await connection.channel()).get_exchange(EVENTS_EXCHANGE.name)
        waiting: set[asyncio.Task[object]] = set()
        while events := [json.loads(line) for line in islice(lines, MAX_EVENTS)]:
            body = json.dumps(events).encode()
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            waiting.add(asyncio.ensure_future(exchange.publish(message, ROUTING_KEY)))
            published += len(events)
            if len(waiting) == _UNCONFIRMED:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        await asyncio.gather(*waiting)
    print(published / (time.monotonic() - begin), flush=True)


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as file:
        asyncio.run(main(file))
