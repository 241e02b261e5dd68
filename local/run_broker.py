"""The broker for `make run`: the first that can be had."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import aio_pika
from aio_pika.exceptions import AMQPError
from anyio.from_thread import start_blocking_portal

from contracts.topology import EVENTS_QUEUE
from local.broker import BrokerError, private_broker, speaks_amqp
from local.ports import free_port, is_free
from local.server import find_server

DEFAULT_PORT = 5672
DEFAULT_URL = f"amqp://guest:guest@127.0.0.1:{DEFAULT_PORT}/"
IMAGE = "rabbitmq:4.3-management"

_MARK = "medication-periods.make-run"
_PULL_SECONDS = 120
_START_SECONDS = 60.0


@contextmanager
def broker_for_run(folder: Path) -> Iterator[str]:
    """Give the address of a broker for as long as the context lasts.

    The first of these that can be had: RABBITMQ_URL, a broker on this machine, Docker's image, a
    private rabbitmq-server, which is installed where it is missing and that is possible.

    Raises:
        BrokerError, ProgramMissingError: none of them can be had; the text says what to do.

    """
    candidates: list[Callable[[Path], AbstractContextManager[str] | None]] = [
        _named,
        _running_here,
        _docker,
    ]
    for candidate in candidates:
        found = candidate(folder)
        if found is not None:
            with found as url:
                yield url
            return
    with _private(folder) as url:
        yield url


def _named(_: Path) -> AbstractContextManager[str] | None:
    url = os.environ.get("RABBITMQ_URL")
    if not url:
        return None
    _say("using the broker that RABBITMQ_URL names")
    return _given(url)


@contextmanager
def _given(url: str) -> Iterator[str]:
    yield url


def _running_here(_: Path) -> AbstractContextManager[str] | None:
    """Take the broker that runs here, unless another run or a consumer uses it already."""
    if not speaks_amqp(DEFAULT_PORT):
        return None
    with ExitStack() as stack:
        # A loop of its own answers the broker's heartbeats for as long as the run lasts.
        portal = stack.enter_context(start_blocking_portal())
        try:
            connection = portal.call(_claim)
        except (AMQPError, OSError) as error:
            _say(f"not using the broker on port {DEFAULT_PORT}: {type(error).__name__}")
            return None
        if connection is None:
            _say(f"not using the broker on port {DEFAULT_PORT}: another consumer takes its events")
            return None
        stack.callback(lambda: portal.call(_release, connection))
        _say(f"using the broker that runs on port {DEFAULT_PORT}")
        return _held(stack.pop_all())


@contextmanager
def _held(stack: ExitStack) -> Iterator[str]:
    with stack:
        yield DEFAULT_URL


async def _claim() -> aio_pika.abc.AbstractConnection | None:
    """Hold a queue that only one connection can hold, so that two runs don't share a broker."""
    async with asyncio.timeout(10):
        connection = await aio_pika.connect(DEFAULT_URL)
        if await _is_marked(connection) or await _has_consumer(connection):
            await connection.close()
            return None
    return connection


async def _release(connection: aio_pika.abc.AbstractConnection) -> None:
    await connection.close()


async def _is_marked(connection: aio_pika.abc.AbstractConnection) -> bool:
    channel = await connection.channel()
    try:
        await channel.declare_queue(_MARK, exclusive=True)
    except AMQPError:
        return True
    return False


async def _has_consumer(connection: aio_pika.abc.AbstractConnection) -> bool:
    channel = await connection.channel()
    try:
        queue = await channel.declare_queue(EVENTS_QUEUE.name, passive=True)
    except aio_pika.exceptions.ChannelNotFoundEntity:
        return False
    return bool(queue.declaration_result.consumer_count)


def _docker(_: Path) -> AbstractContextManager[str] | None:
    if shutil.which("docker") is None or not _docker_does("info", seconds=10):
        return None
    if not _docker_does("image", "inspect", IMAGE, seconds=10):
        _say(f"pulling {IMAGE}")
        if not _docker_does("pull", "--quiet", IMAGE, seconds=_PULL_SECONDS):
            _say(f"not using Docker: {IMAGE} can't be pulled")
            return None
    _say(f"using Docker's {IMAGE}")
    return _container()


@contextmanager
def _container() -> Iterator[str]:
    port = _preferred_port()
    command = ["docker", "run", "--rm", "--detach", "--publish", f"127.0.0.1:{port}:5672", IMAGE]
    container = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        end = time.monotonic() + _START_SECONDS
        while not speaks_amqp(port):
            if time.monotonic() > end:
                raise BrokerError(f"{IMAGE} was not ready after {_START_SECONDS:.0f} s")
            time.sleep(0.2)
        yield f"amqp://guest:guest@127.0.0.1:{port}/"
    finally:
        _docker_does("stop", container, seconds=60)


def _preferred_port() -> int:
    """Take the port that every command looks at by default, unless something listens there."""
    return DEFAULT_PORT if is_free(DEFAULT_PORT) else free_port()


def _docker_does(*arguments: str, seconds: float) -> bool:
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@contextmanager
def _private(folder: Path) -> Iterator[str]:
    if find_server() is not None:
        _say("starting a private rabbitmq-server")
    with private_broker(folder, port=_preferred_port()) as broker:
        yield broker.url


def _say(text: str) -> None:
    print(f"broker: {text}", file=sys.stderr, flush=True)
