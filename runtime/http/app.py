"""A FastStream app that serves HTTP too."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from faststream.asgi import AsgiFastStream
from faststream.asgi.types import Receive, Scope, Send
from faststream.rabbit import RabbitBroker

from runtime.access.configured import Access
from runtime.broker_errors import BrokerRefused
from runtime.collector import spare_what_is_loaded
from runtime.http.asyncapi import NamedAsyncAPI, Operations
from runtime.http.heads import bound_heads
from runtime.http.methods import HeadAsGet
from runtime.http.openapi import name_operations
from runtime.http.packing import Packed
from runtime.http.pages import document
from runtime.http.unkept import Unkept
from runtime.logs import trim_access_log
from runtime.processes import can_not_start, end_as_told

_FAREWELL_SECONDS = 5.0
# The event loop gets Python's lock back from another thread after so long; by default, 5 ms.
_SWITCH_SECONDS = 0.001


class HttpApp(AsgiFastStream):
    """A FastStream app whose HTTP is a FastAPI app behind a gate, and pages that document both."""

    def __init__(
        self,
        broker: RabbitBroker,
        api: FastAPI,
        *,
        access: Access,
        operations: Operations,
        logger: logging.Logger,
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
        try_it_out: str | None = None,
    ) -> None:
        """``operations`` are those of the AsyncAPI document.

        ``beside`` is what else is done while the broker is started, and cancelled when it stops.
        ``try_it_out`` is the address that publishes a message, where there is one.
        """
        super().__init__(
            broker,
            logger=logger,
            specification=NamedAsyncAPI(
                operations=operations,
                title=api.title,
                version=api.version,
                description=api.description,
            ),
            lifespan=_guarded(lifespan, access, logger),
            on_startup=[trim_access_log],
            after_startup=[spare_what_is_loaded],
        )
        bound_heads()
        name_operations(api)
        self._guarded_api = Unkept(Packed(access.guard(api, HeadAsGet(api))))
        self._logger = logger
        if beside:
            self._work_beside(beside)
        document(api, self._asyncapi, try_it_out=try_it_out)

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        end_as_told()
        sys.setswitchinterval(_SWITCH_SECONDS)
        await super().lifespan(scope, receive, send)

    async def _start_broker(self) -> None:
        """Start it, or end the process: uvicorn would go on answering for an app that is deaf."""
        try:
            await super()._start_broker()
        except BrokerRefused as refused:
            can_not_start(refused)
        self._logger.info("connected to RabbitMQ")

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._guarded_api(scope, receive, send)

    def _work_beside(self, works: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
        tasks: list[asyncio.Task[None]] = []

        def tell(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                # The name alone: the text of an unknown error may hold a patient's.
                self._logger.error("what is done beside has ended: %s", type(error).__name__)

        async def begin() -> None:
            for work in works:
                task = asyncio.create_task(work())
                task.add_done_callback(tell)
                tasks.append(task)

        async def end() -> None:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=_FAREWELL_SECONDS)
            tasks.clear()

        self.after_startup(begin)
        self.on_shutdown(end)

    def _asyncapi(self) -> dict[str, Any]:
        specification: dict[str, Any] = self.schema.to_specification().to_jsonable()
        return specification


def _guarded(
    lifespan: Callable[[], AbstractAsyncContextManager[None]],
    access: Access,
    logger: logging.Logger,
) -> Callable[[], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def guarded() -> AsyncIterator[None]:
        async with access.started(logger), lifespan():
            yield

    return guarded


class UnconnectedApp(HttpApp):
    """One that serves HTTP alone: its broker is in the AsyncAPI document, and never connected."""

    async def _start_broker(self) -> None:
        self._logger.info("nothing is received: RabbitMQ is not connected")
