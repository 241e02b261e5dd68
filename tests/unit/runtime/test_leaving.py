"""Work is for a client, and ends with its leaving."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect, Request

from runtime.http.leaving import unless_gone


class Client:
    """A client whose request has come, as an ASGI server tells of it."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self._messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive(self) -> dict[str, object]:
        message = next(self._messages, None)
        if message is None:
            await self.left.wait()
            return {"type": "http.disconnect"}
        return message

    @property
    def request(self) -> Request:
        return Request({"type": "http"}, self.receive)


class Work:
    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.was_cancelled = False

    async def do(self) -> str:
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "done"


async def test_who_stays_gets_what_the_work_gives() -> None:
    work = Work()
    work.may_end.set()
    assert await unless_gone(Client().request, work.do()) == "done"


async def test_what_the_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless_gone(Client().request, fail())


async def test_work_is_cancelled_when_its_client_leaves() -> None:
    client, work = Client(), Work()
    waiting = asyncio.create_task(unless_gone(client.request, work.do()))
    await asyncio.sleep(0)
    client.left.set()
    with pytest.raises(ClientDisconnect):
        await waiting
    assert work.was_cancelled


async def test_work_is_cancelled_with_the_handler_that_waits_for_it() -> None:
    work = Work()
    waiting = asyncio.create_task(unless_gone(Client().request, work.do()))
    for _ in range(3):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.was_cancelled
