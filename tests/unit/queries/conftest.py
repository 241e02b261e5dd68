"""The client of the tests that have an app with the routes of queries."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tests.callers import let_in


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(let_in(api))
    async with AsyncClient(transport=transport, base_url="http://consumer") as client:
        yield client
