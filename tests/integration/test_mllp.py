"""HL7 v2 in over MLLP, periods out at the consumer, over a broker that is killed in the middle."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hl7.client import MLLPClient

from local.broker import PrivateBroker, private_broker
from tests.brokers import settle
from tests.certificates import ca, issue
from tests.databases import SqliteFile
from tests.services import ServiceProcess, eventually
from tests.unit.publisher.hl7.messages import HEADER, ORDER, message, rxa

PATIENT = "PID|1||mllp^^^HOSPITAL^MR"


def administration(number: int) -> bytes:
    day, minute = divmod(number, 24 * 60)
    start = f"202101{1 + day:02}{minute // 60:02}{minute % 60:02}00+0000"
    return message(HEADER, PATIENT, ORDER, rxa(rxa_2=str(number), rxa_3=start, rxa_4=""))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    with private_broker(tmp_path / "broker") as broker:
        yield broker


@contextmanager
def services(
    broker: PrivateBroker, folder: Path, **settings: str
) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    environment = {
        "RABBITMQ_URL": broker.url,
        "DATABASE_URL": SqliteFile(folder).url,
        "PUBLISHER_GIVE_UP_AFTER": "3",
        **settings,
    }
    publisher = ServiceProcess("publisher", environment, folder, anew=True)
    consumer = ServiceProcess("consumer", environment, folder, anew=True)
    try:
        publisher.wait_until_ready()
        consumer.wait_until_ready()
        yield publisher, consumer
    finally:
        publisher.stop()
        consumer.stop()


def count(consumer: ServiceProcess) -> int:
    asked = {"patient_id": "mllp"}
    return len(httpx.get(f"{consumer.url}/periods", params=asked).json()["periods"])


def send_until_accepted(port: int, content: bytes, unanswered: threading.Event) -> None:
    """Send a message as senders do: again where there was no answer; tell of such."""
    for _ in range(100):
        try:
            with MLLPClient("127.0.0.1", port) as client:
                client.socket.settimeout(10)
                answer = client.send_message(content)
        except OSError:
            answer = b""
        if b"MSA|AA|42" in answer:
            return
        assert answer == b"", answer
        unanswered.set()
        time.sleep(0.2)
    raise AssertionError("it was never accepted")


@pytest.mark.fault("broker killed (-9) under messages by MLLP")
def test_with_the_broker_killed_in_the_middle_nothing_is_lost_and_nothing_twice(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    port, messages = free_port(), 60
    settle(broker)
    with services(broker, tmp_path, PUBLISHER_MLLP_PORT=str(port)) as (_, consumer):
        unanswered = threading.Event()

        def kill_and_start() -> None:
            broker.kill()
            assert unanswered.wait(60), "a message meets the kill"
            broker.start()

        sent = 0
        with ThreadPoolExecutor(1) as pool:
            for sent in range(1, messages // 3 + 1):
                send_until_accepted(port, administration(sent), unanswered)
            killing = pool.submit(kill_and_start)
            while sent < messages or not killing.done():
                sent += 1
                send_until_accepted(port, administration(sent), unanswered)
            killing.result()
        eventually(lambda: count(consumer) == sent, 60)


def test_the_command_of_the_hl7_library_sends_a_file(broker: PrivateBroker, tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "messages.hl7"
    file.write_bytes(b"".join(b"\x0b%s\x1c\r" % administration(number) for number in range(3)))
    with services(broker, tmp_path, PUBLISHER_MLLP_PORT=str(port)) as (_, consumer):
        command = [str(Path(sys.executable).with_name("mllp_send")), "--file", str(file)]
        done = subprocess.run(
            [*command, "--port", str(port), "127.0.0.1"], capture_output=True, text=True, check=True
        )
        assert done.stdout.count("MSA|AA|42") == 3
        eventually(lambda: count(consumer) == 3)


def test_senders_need_a_certificate_of_the_authority_that_is_named(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    authority, port = ca(tmp_path / "certificates"), free_port()
    server, sender = issue(authority, "server"), issue(authority, "sender")
    settings = {
        "PUBLISHER_MLLP_PORT": str(port),
        "PUBLISHER_MLLP_TLS_CERTIFICATE": str(server.file),
        "PUBLISHER_MLLP_TLS_KEY": str(server.key),
        "PUBLISHER_MLLP_TLS_CLIENT_AUTHORITY": str(authority.file),
    }

    def answer(context: ssl.SSLContext) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"\x0b%s\x1c\r" % administration(1))
            return connection.recv(4096)

    with services(broker, tmp_path, **settings) as (publisher, _):
        nobody = ssl.create_default_context(cafile=authority.file)
        # By TLS 1.3 a client learns of it only with what it reads.
        with suppress(ssl.SSLError, ConnectionError):
            assert answer(nobody) == b""
        known = ssl.create_default_context(cafile=authority.file)
        known.load_cert_chain(sender.file, sender.key)
        assert b"MSA|AA|42" in answer(known)
        told = publisher.log.read_text()
    assert "its TLS handshake failed: PEER_DID_NOT_RETURN_A_CERTIFICATE" in told


def test_a_port_that_is_taken_ends_the_start_with_one_line(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {
            "RABBITMQ_URL": broker.url,
            "PUBLISHER_MLLP_PORT": str(taken.getsockname()[1]),
        }
        publisher = ServiceProcess("publisher", environment, tmp_path, anew=True)
        assert publisher.process.wait(30) == 3
    assert "the start can't go on: PUBLISHER_MLLP_PORT: " in publisher.log.read_text()
    assert "Traceback" not in publisher.log.read_text()
