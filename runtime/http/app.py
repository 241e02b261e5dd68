"""A FastStream app that serves HTTP too."""

import gc
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from faststream.asgi import AsgiFastStream
from faststream.asgi.types import Receive, Scope, Send
from faststream.rabbit import RabbitBroker
from faststream.specification import AsyncAPI

from contracts.topology import declare_topology
from runtime.http.pages import document
from runtime.http.try_it_out import ADDRESS, offer_try_it_out
from runtime.logs import keep_queries_out_of_access_log

VERSION = "1.0.0"


class Service(AsgiFastStream):
    """A FastStream app whose HTTP is a FastAPI app, with the pages that document both."""

    def __init__(
        self,
        broker: RabbitBroker,
        api: FastAPI,
        *,
        description: str,
        logger: logging.Logger,
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
        after_startup: tuple[Callable[[], Any], ...] = (),
        try_it_out: bool = False,
    ) -> None:
        async def declare() -> None:
            await declare_topology(broker)
            logger.info("connected to RabbitMQ")

        super().__init__(
            broker,
            logger=logger,
            specification=AsyncAPI(title=api.title, version=VERSION, description=description),
            lifespan=lifespan,
            on_startup=[keep_queries_out_of_access_log],
            after_startup=[declare, *after_startup, _keep_loaded],
        )
        self._api = api
        if try_it_out:
            offer_try_it_out(api, broker)
        document(api, self._asyncapi, try_it_out=ADDRESS if try_it_out else None)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api(scope, receive, send)

    def _asyncapi(self) -> dict[str, Any]:
        specification: dict[str, Any] = self.schema.to_specification().to_jsonable()
        return specification


def _keep_loaded() -> None:
    """Spare the garbage collector what the service consists of: a walk over it takes 100 ms."""
    gc.collect()
    gc.freeze()
