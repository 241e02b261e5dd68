"""A TCP proxy that treats connections as bad networks do."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from local.ports import free_port

Result = TypeVar("Result")

_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections to a port of 127.0.0.1 until it is told to treat them worse."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._delay = 0.0
        self._answers_left = 0
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, "127.0.0.1", self.port))

    def reset(self) -> None:
        """Cut every connection off with a reset."""
        self._run(self._each("reset"))

    def lead_to(self, target: int) -> None:
        """Forward the connections that are still to come to another port."""
        self._target = target

    def freeze(self) -> None:
        """Let nothing through on the connections there are, and tell neither side: half-open."""
        self._run(self._each("freeze"))

    def delay(self, seconds: float) -> None:
        """Hold back everything, in both directions, for so long; 0 ends it."""
        self._delay = seconds

    def reset_instead_of_answer(self, number: int) -> None:
        """Cut the connection off, once, when the server's answer of that number comes: from 1."""
        self._answers_left = number

    def close(self) -> None:
        """Cut every connection off and take no more; once is enough."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._server.close)
        self.reset()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _each(self, treatment: str) -> None:
        await asyncio.gather(*(getattr(link, treatment)() for link in tuple(self._links)))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        link = _Link((reader, writer), there, self)
        self._links.add(link)
        await link.ended.wait()
        self._links.discard(link)

    def is_to_reset(self) -> bool:
        """Count an answer, and tell whether the connection is to be cut off in its place."""
        self._answers_left -= 1
        return self._answers_left == 0

    @property
    def has_reset(self) -> bool:
        """Whether the answer that was to be cut off has come."""
        return self._answers_left <= 0

    async def hold_back(self) -> None:
        """Wait for as long as everything is held back."""
        if self._delay:
            await asyncio.sleep(self._delay)


class _Link:
    def __init__(
        self,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        proxy: Proxy,
    ) -> None:
        self.ended = asyncio.Event()
        self._proxy = proxy
        self._open = asyncio.Event()
        self._open.set()
        self._writers = (here[1], there[1])
        self._pumps = [
            asyncio.create_task(self._pump(here[0], there[1])),
            asyncio.create_task(self._pump(there[0], here[1], answers=True)),
        ]

    async def freeze(self) -> None:
        self._open.clear()

    async def reset(self) -> None:
        for pump in self._pumps:
            if pump is not asyncio.current_task():
                pump.cancel()
        for writer in self._writers:
            if not writer.is_closing():
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
        self.ended.set()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        try:
            while received := await reader.read(65_536):
                if answers and self._proxy.is_to_reset():
                    await self.reset()
                    return
                await self._proxy.hold_back()
                await self._open.wait()
                writer.write(received)
                await writer.drain()
            # The other side ended it; frozen, nobody is told.
            await self._open.wait()
        except OSError:
            pass
        for each in self._writers:
            each.close()
        self.ended.set()
