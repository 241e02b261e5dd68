"""What `make run` says while it serves."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from local import run

Health = tuple[int, dict[str, str]]

WELL: Health = (200, {})
WITHOUT_BROKER: Health = (503, {"broker": "RabbitMQ is away: Connection refused"})
LOCKED: Health = (503, {"storing": "the database is locked"})


class Consumer(BaseHTTPRequestHandler):
    """Answers with one health after the other; behind the last, the user presses Ctrl-C."""

    healths: Iterator[Health]

    def do_GET(self) -> None:
        status, problems = next(self.healths)
        body = json.dumps({"problems": problems}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def consumer() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Consumer) as server:
        serving = Thread(target=server.serve_forever, args=[0.01])
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_that_rabbitmq_is_away_and_that_it_is_back_is_said_once(
    consumer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    healths = [WELL, LOCKED, WITHOUT_BROKER, WITHOUT_BROKER, WELL, WELL]
    Consumer.healths = iter(healths)
    looks = iter(healths)

    def sleep(_: float) -> None:
        if next(looks, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("local.run.time.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        run._tell_of_the_broker(consumer)

    away, back = capsys.readouterr().out.splitlines()
    assert away.startswith("RabbitMQ is away, and what is published waits for it: start it again")
    assert "end this with Ctrl-C and `make run` anew" in away
    assert back == "RabbitMQ is back: all goes on"


def test_a_consumer_that_does_not_answer_says_nothing_of_rabbitmq() -> None:
    assert not run._lacks_the_broker("http://127.0.0.1:1")
