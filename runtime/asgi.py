"""A FastStream app that serves HTTP too."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from faststream.asgi import AsgiFastStream, AsyncAPIRoute
from faststream.asgi.types import Receive, Scope, Send
from faststream.rabbit import RabbitBroker
from faststream.specification import AsyncAPI

from contracts.topology import declare_topology
from runtime.logs import keep_queries_out_of_access_log

VERSION = "1.0.0"


class Service(AsgiFastStream):
    """FastStream in front, with its own routes; all other requests go to a FastAPI app."""

    def __init__(
        self,
        broker: RabbitBroker,
        api: FastAPI,
        *,
        description: str,
        logger: logging.Logger,
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
        after_startup: tuple[Callable[[], Any], ...] = (),
    ) -> None:
        async def declare() -> None:
            await declare_topology(broker)
            logger.info("connected to RabbitMQ")

        super().__init__(
            broker,
            logger=logger,
            specification=AsyncAPI(title=api.title, version=VERSION, description=description),
            asyncapi_path=AsyncAPIRoute("/asyncapi", try_it_out_path=None),
            lifespan=lifespan,
            on_startup=[keep_queries_out_of_access_log],
            after_startup=[declare, *after_startup],
        )
        self._api = api

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api(scope, receive, send)
