"""A body may come as slowly as it likes within its time; then its connection is closed."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from local.broker import PrivateBroker
from tests.services import ServiceProcess

HEAD = (
    b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n"
)
EVENT = json.dumps(
    {
        "patient_id": "slow",
        "medication_name": "X",
        "action": "start",
        "event_time": "2021-01-01T00:00:00Z",
    }
).encode()
TIMEOUT_SECONDS = 3
PAUSE_SECONDS = 0.05


@pytest.fixture(scope="module")
def publisher(
    broker: PrivateBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    environment = {"RABBITMQ_URL": broker.url, "PUBLISHER_BODY_TIMEOUT": str(TIMEOUT_SECONDS)}
    service = ServiceProcess("publisher", environment, tmp_path_factory.mktemp("logs"))
    service.wait_until_ready()
    yield service
    service.stop()


@pytest.fixture
def connection(publisher: ServiceProcess) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", publisher.port), timeout=30) as connected:
        yield connected


def trickle(connection: socket.socket, pieces: Iterator[bytes]) -> bytes:
    """Send pieces until there is an answer; give all that comes until the other end closes."""
    connection.settimeout(PAUSE_SECONDS)
    answer = b""
    for piece in pieces:
        connection.sendall(piece)
        try:
            answer = connection.recv(65_536)
        except TimeoutError:
            continue
        break
    connection.settimeout(30)
    while more := connection.recv(65_536):
        answer += more
    return answer


def test_a_sender_that_is_slow_but_in_time_is_answered(connection: socket.socket) -> None:
    connection.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % len(EVENT))
    step = len(EVENT) // 10

    answer = trickle(connection, (EVENT[at : at + step] for at in range(0, len(EVENT), step)))

    assert answer.startswith(b"HTTP/1.1 202 ")


@pytest.mark.fault("post that does not end")
def test_one_that_is_not_is_told_and_its_connection_closed(
    connection: socket.socket, publisher: ServiceProcess
) -> None:
    length = 10_000
    connection.sendall(HEAD % length)
    start = time.monotonic()

    answer = trickle(connection, (b" " for _ in range(length)))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert f"it has not come within {TIMEOUT_SECONDS} s".encode() in answer
    assert time.monotonic() - start >= TIMEOUT_SECONDS
    assert "Traceback" not in publisher.log.read_text()
