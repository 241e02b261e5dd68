"""What `make run` says while it serves."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from local import run
from publisher_app.settings import PublisherSettings

Answer = tuple[int, bytes]


def answer(status: int, problems: dict[str, str]) -> Answer:
    return status, json.dumps({"problems": problems}).encode()


WELL = answer(200, {})
WITHOUT_BROKER = answer(503, {"broker": "RabbitMQ is not connected"})
WITHOUT_SUBSCRIPTION = answer(
    503, {"broker": "there is no subscription to queue medication-periods.v2"}
)
LOCKED = answer(503, {"storing": "the database is locked"})
CUT_OFF = (200, b"")
NO_JSON = (500, b"Internal Server Error")
ANOTHER_PROBLEM = (500, b'{"detail": "something else"}')


class Consumer(BaseHTTPRequestHandler):
    """Gives one answer after the other; behind the last, the user presses Ctrl-C."""

    answers: Iterator[Answer]

    def do_GET(self) -> None:
        status, body = next(self.answers)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) or 100))
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


def said_at(
    answers: Sequence[Answer],
    consumer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """Return the lines that are said while the consumer answers so."""
    Consumer.answers = iter(answers)
    looks = iter(answers)

    def sleep(_: float) -> None:
        if next(looks, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("local.run.time.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        run._tell_of_the_broker(consumer)
    return capsys.readouterr().out.splitlines()


def test_that_rabbitmq_is_away_and_that_it_is_back_is_said_once(
    consumer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [WELL, LOCKED, WITHOUT_BROKER, WITHOUT_BROKER, WITHOUT_SUBSCRIPTION, WELL, WELL]

    away, back = said_at(answers, consumer, monkeypatch, capsys)

    assert away.startswith("RabbitMQ is away, and what is published waits for it: start it again")
    assert "end this with Ctrl-C and `make run` anew" in away
    assert back == "RabbitMQ is back: all goes on"


@pytest.mark.parametrize("unclear", [WITHOUT_SUBSCRIPTION, CUT_OFF, NO_JSON, ANOTHER_PROBLEM])
def test_an_answer_that_tells_nothing_of_rabbitmq_says_neither_that_it_is_away_nor_back(
    unclear: Answer,
    consumer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = [unclear, WITHOUT_BROKER, unclear, WITHOUT_BROKER, unclear]
    (away,) = said_at(answers, consumer, monkeypatch, capsys)
    assert away.startswith("RabbitMQ is away")


def test_a_consumer_that_does_not_answer_says_nothing_of_rabbitmq() -> None:
    assert run._lacks_the_broker("http://127.0.0.1:1") is None


def test_the_example_events_are_read_by_their_own_names_whatever_profile_the_services_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, str]] = []

    def published(
        *_: object, env: dict[str, str], **__: object
    ) -> subprocess.CompletedProcess[str]:
        given.append(env)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(subprocess, "run", published)
    asked = {"PUBLISHER_PROFILE": "mimic-iv-emar", "PUBLISHER_MAP": "patient_id=MRN", "OTHER": "1"}
    run._publish_examples(asked)
    [environment] = given
    assert environment["OTHER"] == "1"
    for name in ("PUBLISHER_PROFILE", "PUBLISHER_MAP"):
        monkeypatch.setenv(name, environment[name])
    settings = PublisherSettings()
    assert (settings.profile, settings.map) == (None, {})
