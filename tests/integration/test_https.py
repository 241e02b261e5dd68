"""Both services over HTTPS: known by their certificate, and restarted with another one."""

import json
import signal
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from local.broker import PrivateBroker
from tests.certificates import Certificate, ca, issue
from tests.integration.test_http import EVENT
from tests.services import PATIENCE_SECONDS, ServiceProcess, eventually

SERVICES = ("consumer", "publisher")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return ca(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return ca(tmp_path_factory.mktemp("other"), "Another authority")


@pytest.fixture
def environment(broker: PrivateBroker, tmp_path: Path) -> Mapping[str, str]:
    return {
        "RABBITMQ_URL": broker.url,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }


@contextmanager
def running(service: ServiceProcess) -> Iterator[ServiceProcess]:
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_asked_by_who_knows_the_authority_of_its_certificate(
    name: str,
    environment: Mapping[str, str],
    authority: Certificate,
    other: Certificate,
    tmp_path: Path,
) -> None:
    https = issue(authority, name), authority
    with running(ServiceProcess(name, environment, tmp_path, https=https)) as service:
        with httpx.Client(base_url=service.url, verify=service.trust) as client:
            if name == "consumer":
                answer = client.get("/periods", params={"patient_id": "nobody"})
            else:
                answer = client.post("/events", json=EVENT)
            assert answer.is_success
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"

        stranger = ssl.create_default_context(cafile=other.file)
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{service.url}/health/live", verify=stranger)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://127.0.0.1:{service.port}/health/live")


def test_a_certificate_that_has_expired_is_refused(
    environment: Mapping[str, str], authority: Certificate, tmp_path: Path
) -> None:
    https = issue(authority, "late", expired=True), authority
    service = ServiceProcess("publisher", environment, tmp_path, https=https)
    try:
        eventually(lambda: "Uvicorn running on https://" in service.log.read_text())
        with pytest.raises(httpx.ConnectError, match="certificate has expired"):
            httpx.get(f"{service.url}/health/live", verify=service.trust)
    finally:
        service.stop()


@pytest.mark.fault("service restarted with another certificate, requests in flight")
def test_a_restart_with_another_certificate_loses_no_request(
    environment: Mapping[str, str], authority: Certificate, tmp_path: Path
) -> None:
    own = issue(authority, "publisher")
    https = own, authority
    with running(ServiceProcess("publisher", environment, tmp_path, https=https)) as replaced:
        before = number_of(replaced)
        issue(authority, "publisher")
        with (
            running(ServiceProcess("publisher", environment, tmp_path, https=https)) as newer,
            in_flight(replaced) as (connection, rest),
        ):
            assert number_of(newer) != before == number_of(replaced)

            psutil.Process(replaced.process.pid).send_signal(signal.SIGTERM)
            eventually(lambda: is_closed(replaced))
            answer = httpx.post(f"{newer.url}/events", json=EVENT, verify=newer.trust)
            assert answer.status_code == 202

            connection.sendall(rest)
            head, _, body = answer_of(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202 ")
            assert b"connection: close" in head.lower()
            assert json.loads(body)["accepted"] == 1
            assert replaced.process.wait(PATIENCE_SECONDS) in {0, -signal.SIGTERM}


def number_of(service: ServiceProcess) -> str:
    """Return the serial number of the certificate that a service shows."""
    with connected(service) as connection:
        return str((connection.getpeercert() or {})["serialNumber"])


@contextmanager
def connected(service: ServiceProcess) -> Iterator[ssl.SSLSocket]:
    assert isinstance(service.trust, ssl.SSLContext)
    with (
        socket.create_connection(("127.0.0.1", service.port), PATIENCE_SECONDS) as plain,
        service.trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        yield connection


@contextmanager
def in_flight(service: ServiceProcess) -> Iterator[tuple[ssl.SSLSocket, bytes]]:
    """Begin to post an event; give the connection, and what is still to be sent."""
    body = json.dumps(EVENT).encode()
    head = (
        "POST /events HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{service.port}\r\n"
        "Content-Type: application/json\r\n"
        "Expect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with connected(service) as connection:
        connection.sendall(head.encode())
        # The service says that it waits for the body.
        assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
        yield connection, body


def is_closed(service: ServiceProcess) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", service.port)) != 0


def answer_of(connection: ssl.SSLSocket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))
