"""Publishers start behind the consumers that can store what they publish."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
import yaml

from local.ports import free_port
from runtime.version import VERSION
from tests.certificates import Certificate, ca, issue
from tests.chart.helm import CHART, ROOT, Manifest, pick, pods, render
from tests.chart.modes import ANSWERING, MODES, TLS

_CODE = (CHART / "files" / "wait_for_consumer.py").read_text()
_WITHOUT = "starting all the same: what is published waits in RabbitMQ"


def _started(port: int, patience: float, scheme: str = "http") -> "subprocess.Popen[str]":
    settings = {
        "CONSUMER": f"{scheme}://127.0.0.1:{port}",
        "MAJOR_VERSION": "2",
        "PATIENCE_SECONDS": str(patience),
        "ANSWERS": "20",
    }
    return subprocess.Popen(
        [sys.executable, "-u", "-c", _CODE],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _document(version: str) -> bytes:
    return json.dumps({"openapi": "3.1.0", "info": {"version": version}}).encode()


@contextmanager
def _answering(
    port: int, answers: Sequence[bytes], https: Certificate | None = None
) -> Iterator[list[str]]:
    """Answer with these bodies, the last one for ever; give the paths that were asked for."""
    left = [*answers]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(left.pop(0) if left[1:] else left[0])

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        if https is not None:
            context = SSLContext(PROTOCOL_TLS_SERVER)
            context.load_cert_chain(https.file, https.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
        try:
            yield asked
        finally:
            server.shutdown()


@pytest.mark.fault("chart upgraded while consumers of the version before still run")
def test_a_publisher_waits_for_as_long_as_consumers_of_the_version_before_answer() -> None:
    port = free_port()
    with _answering(port, [_document(each) for each in ("1.0.0", "1.9.0", VERSION)]) as asked:
        output, _ = (test := _started(port, patience=0)).communicate(timeout=60)
    assert test.returncode == 0, output
    assert output.splitlines() == [
        "consumers are of version 1.0.0",
        "consumers are of version 1.9.0",
        f"consumers are of version {VERSION}",
    ]
    assert asked == ["/openapi.json"] * 22


@pytest.mark.fault("publisher's pod started while one of several consumers is still to be replaced")
def test_a_publisher_waits_until_all_behind_the_address_are_of_its_version() -> None:
    port, left = free_port(), ["1.0.0", VERSION, "1.0.0", *[VERSION] * 19, "1.0.0", VERSION]
    with _answering(port, [_document(each) for each in left]) as asked:
        output, _ = (test := _started(port, patience=0)).communicate(timeout=60)
    assert test.returncode == 0, output
    assert len(asked) == len(left) + 19


@pytest.mark.fault("publisher's pod started while no consumer answers")
@pytest.mark.parametrize("answers", [[], [b"<html>"], [b"[]"], [_document("next")]])
def test_it_starts_all_the_same_where_no_consumer_answers(answers: Sequence[bytes]) -> None:
    port = free_port()
    if answers:
        with _answering(port, answers):
            output, _ = (test := _started(port, patience=0)).communicate(timeout=60)
    else:
        output, _ = (test := _started(port, patience=0)).communicate(timeout=60)
    assert test.returncode == 0, output
    assert f"no consumer answers at http://127.0.0.1:{port}/openapi.json: " in output
    assert output.splitlines()[-1] == _WITHOUT


def test_it_asks_a_consumer_with_a_certificate_of_any_authority(tmp_path: Path) -> None:
    port = free_port()
    with _answering(port, [_document(VERSION)], issue(ca(tmp_path), "localhost")):
        output, _ = (test := _started(port, patience=0, scheme="https")).communicate(timeout=60)
    assert test.returncode == 0, output
    assert output.splitlines() == [f"consumers are of version {VERSION}"]


def _waiting(pod: Manifest) -> list[dict[str, Any]]:
    return [
        {each["name"]: each["value"] for each in container["env"]}
        for container in pod.get("initContainers", [])
        if container["name"] == "wait-for-consumer"
    ]


@pytest.mark.parametrize(
    ("values", "consumer"),
    [
        ({}, "http://medication-periods-consumer:80"),
        # Whoever answers queries: those who store are asked.
        (ANSWERING, "http://medication-periods-receiving:80"),
        (TLS, "https://medication-periods-consumer:80"),
    ],
)
def test_each_publisher_of_the_chart_waits_for_those_who_store(
    values: dict[str, Any], consumer: str
) -> None:
    specs = pods(render(MODES["file from a config map"] | values))
    for component in ("publisher", "publish-file"):
        (asking,) = _waiting(specs[component])
        assert asking["CONSUMER"] == consumer
        assert asking["MAJOR_VERSION"] == VERSION.partition(".")[0]
    assert _waiting(specs["consumer"]) == []


def test_it_waits_for_nobody_where_the_consumers_are_elsewhere() -> None:
    manifests = render(MODES["file from a config map"] | {"publisher.waitForConsumer": False})
    for component in ("publisher", "publish-file"):
        assert "initContainers" not in pods(manifests)[component]
    (rule,) = pick(manifests, "NetworkPolicy", "consumer")["spec"]["ingress"]
    assert "publisher" not in json.dumps(rule)


def _services(file: str) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())["services"]
    return services


def test_in_compose_the_publisher_starts_behind_whichever_consumers_the_profile_has() -> None:
    receiving = {
        name
        for name, each in _services("consumer_app/docker-compose.yaml").items()
        if "RABBITMQ_URL" in each.get("environment", {}) and "command" not in each
    }
    behind = _services("docker-compose.start-order.yaml")["publisher"]["depends_on"]
    assert behind.keys() == receiving == {"consumer", "consumer-postgres", "consumers"}
    # Of another profile they are not there, and not waited for.
    assert [*behind.values()] == [{"condition": "service_healthy", "required": False}] * 3
    included = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["include"]
    publisher = ["publisher_app/docker-compose.yaml", "docker-compose.start-order.yaml"]
    assert {"path": publisher} in included


def test_in_compose_the_publisher_by_itself_has_no_consumer_to_wait_for() -> None:
    publisher = _services("publisher_app/docker-compose.yaml")["publisher"]
    assert publisher["depends_on"].keys() == {"rabbitmq"}
