"""Batches: a blocking iterator, read beside the event loop, group by group."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from itertools import islice
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 0.1


async def in_batches(items: Iterator[Item], size: int) -> AsyncGenerator[list[Item], None]:
    """Group items by ``size``; those that have waited for a moment leave in a smaller group.

    So a file goes out in full messages, and a trickle on standard input without delay.
    """
    waiting: list[Item] = []

    def fill() -> bool:
        count = 0
        for item in islice(items, size):
            waiting.append(item)
            count += 1
        return count < size

    ended = False
    while not ended:
        filling = asyncio.ensure_future(_in_daemon_thread(fill))
        while waiting or not filling.done():
            await asyncio.wait({filling}, timeout=_PATIENCE)
            if batch := waiting[:size]:
                del waiting[: len(batch)]
                yield batch
        ended = filling.result()


async def _in_daemon_thread(function: Callable[[], Result]) -> Result:
    """Run a function that may block for ever; a daemon thread does not keep the process alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(settle_future: Callable[..., None], outcome: object) -> None:
        if not future.done():
            settle_future(outcome)

    def tell(settle_future: Callable[..., None], outcome: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, settle_future, outcome)

    def run() -> None:
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
            tell(future.set_exception, error)
        else:
            tell(future.set_result, result)

    Thread(target=run, daemon=True).start()
    return await future
