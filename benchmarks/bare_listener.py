"""A yardstick: MLLP without HL7: what is in a frame is published as it is, and then answered.

`python -m benchmarks.bare_listener PORT` takes one message at a time on each connection. It looks
into none of them, and keeps no log.
"""

import asyncio
import os
import sys

import aio_pika
import uvloop

from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY

_END_OF_FRAME = b"\x1c\r"
_ANSWER = b"\x0bMSH|^~\\&|||||20210101||ACK|1|P|2.5\rMSA|AA|1\r" + _END_OF_FRAME


async def main(port: int) -> None:
    """Listen until the process is stopped."""
    async with await aio_pika.connect(os.environ["RABBITMQ_URL"]) as connection:
        exchange = await (await connection.channel()).get_exchange(EVENTS_EXCHANGE.name)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while not reader.at_eof():
                try:
                    frame = await reader.readuntil(_END_OF_FRAME)
                except asyncio.IncompleteReadError:
                    break
                message = aio_pika.Message(frame, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await exchange.publish(message, ROUTING_KEY)
                writer.write(_ANSWER)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
