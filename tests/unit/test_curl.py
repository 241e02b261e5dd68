"""What runs the README's commands where there is no curl does as curl does."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

STAND_IN = [sys.executable, "-m", "tests.curl"]


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked: method, path, kind of body, body."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = repr((self.command, self.path, self.headers["content-type"], body)).encode()
        self.send_response(400)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815 # http.server's own name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], "('GET', '/a?b=%20c', None, b'')"),
        (["-s"], "('GET', '/a?b=%20c', None, b'')"),
        (["-d", "x y\n"], "b'x y\\n'"),
        (["-d", "@{file}"], "b'ab'"),
        (["--data-binary", "@{file}"], "b'a\\r\\nb\\n'"),
        (["--json", "@{file}"], "'application/json', b'a\\r\\nb\\n'"),
        (
            ["--json", "x", "-H", "Content-Type: application/x-ndjson"],
            "'application/x-ndjson', b'x'",
        ),
    ],
)
def test_it_asks_what_curl_asks(options: list[str], asked: str, echo: str, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"a\r\nb\n")
    given = [f"{echo}/a?b=%20c", *(option.format(file=file) for option in options)]
    ours = said(*STAND_IN, *given)

    assert asked in ours
    if curl := shutil.which("curl"):
        assert ours == said(curl, *given)


@pytest.mark.parametrize("unknown", ["--fail", "-X", "--data-raw", "--sil"])
def test_an_option_that_it_does_not_know_is_refused(unknown: str, echo: str) -> None:
    done = subprocess.run([*STAND_IN, echo, unknown], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unrecognized arguments" in done.stderr
