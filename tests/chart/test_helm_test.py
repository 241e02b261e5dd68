"""What `helm test` runs in its pod, against services that answer later than they are asked."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.ports import free_port
from tests.chart.helm import CHART

_CODE = (CHART / "files" / "publish_and_query.py").read_text()
_CLOSED = [{"start": "2024-01-01T00:00:00Z", "end": "2024-01-01T00:00:01Z"}]


def _started(port: int, patience: float) -> "subprocess.Popen[str]":
    """Start the test as its pod does, with both services at one address."""
    address = f"http://127.0.0.1:{port}"
    settings = {"PUBLISHER": address, "CONSUMER": address, "PATIENCE_SECONDS": str(patience)}
    return subprocess.Popen(
        [sys.executable, "-u", "-c", _CODE],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def _answering(port: int, posts: list[int], periods: list[Any]) -> Iterator[None]:
    """Answer posts with these statuses and queries with these periods, the last ones for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer(posts.pop(0) if posts[1:] else posts[0], {"accepted": 2})

        def do_GET(self) -> None:
            self._answer(200, {"periods": periods.pop(0) if periods[1:] else periods[0]})

        def _answer(self, status: int, content: object) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield
        finally:
            server.shutdown()


@pytest.mark.fault("helm test before the network policies let it through")
def test_it_asks_again_until_it_is_answered() -> None:
    port = free_port()
    test = _started(port, patience=60)
    assert test.stdout is not None
    assert "Connection refused" in test.stdout.readline()
    with _answering(port, [503, 202], [[], _CLOSED]):
        output, _ = test.communicate(timeout=60)
    assert test.returncode == 0, output
    assert "trying again: HTTP Error 503" in output
    assert "published: {'accepted': 2}" in output
    assert f"read back: {_CLOSED}" in output


def test_it_gives_up_with_what_kept_it() -> None:
    port = free_port()
    output, _ = (test := _started(port, patience=1)).communicate(timeout=60)
    assert test.returncode == 1
    assert f"POST http://127.0.0.1:{port}/events: " in output
    assert "Connection refused" in output

    with _answering(port, [202], [[]]):
        output, _ = (test := _started(port, patience=1)).communicate(timeout=60)
    assert test.returncode == 1
    assert "no period came back: []" in output


def test_a_refused_request_is_not_repeated() -> None:
    port = free_port()
    with _answering(port, [422, 202], [_CLOSED]):
        output, _ = (test := _started(port, patience=60)).communicate(timeout=60)
    assert test.returncode == 1
    assert "422" in output
