"""What a service does beside answering."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext

import pytest
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker

from publisher_app.access import ROUTES
from publisher_app.settings import PublisherSettings
from runtime.access.configured import configured_access
from runtime.http.app import UnconnectedApp


def nothing() -> AbstractAsyncContextManager[None]:
    return nullcontext()


async def test_an_end_that_nobody_expects_is_told_without_what_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ValueError("patient 7")

    async def go_on() -> None:
        await asyncio.sleep(0)
        went_on.set()

    went_on = asyncio.Event()
    app = UnconnectedApp(
        RabbitBroker(),
        FastAPI(),
        access=configured_access(PublisherSettings(), ROUTES),
        operations={},
        logger=logging.getLogger("service"),
        lifespan=nothing,
        beside=[fail, go_on],
    )
    await app.start()
    await went_on.wait()
    await app.stop()
    assert "what is done beside has ended: ValueError" in caplog.text
    assert "patient 7" not in caplog.text
