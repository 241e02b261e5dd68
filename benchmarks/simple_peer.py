"""A peer as simple as can be: one message an event, prefetch 1, a commit per event.

`python -m benchmarks.simple_peer MESSAGES FILE` prints how many events a second it stored.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time

import aio_pika

from contracts.topology import EVENTS_QUEUE


async def main(messages: int, file: str) -> None:
    """Store so many events of the queue in a SQLite file."""
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE event (patient, medication, action, time, order_id, event_id)")
    async with await aio_pika.connect(os.environ["RABBITMQ_URL"]) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        queue = await channel.get_queue(EVENTS_QUEUE.name, ensure=False)
        begin, stored = time.monotonic(), 0
        async with queue.iterator() as deliveries:
            async for message in deliveries:
                event = json.loads(message.body)
                database.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", [*event.values()])
                database.commit()
                await message.ack()
                stored += 1
                if stored == messages:
                    break
    print(messages / (time.monotonic() - begin), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
