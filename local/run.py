"""`make run`: both services and a broker on this machine, the example events, the sample query."""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import NoReturn

from local.broker import BrokerError
from local.children import ChildGroup
from local.packages import ProgramMissingError
from local.ports import free_port, is_free
from local.run_broker import DEFAULT_URL, broker_for_run

EXAMPLES = Path("examples/events.jsonl")
SAMPLE_PATIENT = "2"
SAMPLE_QUERY = f"/periods?patient_id={SAMPLE_PATIENT}"

# They have our own names, whatever the services are told of those of others.
_AS_OURS = {"PUBLISHER_PROFILE": "", "PUBLISHER_MAP": ""}
_LOGS = Path("data/logs")
_PATIENCE_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 2.0

_AWAY = (
    "RabbitMQ is away, and what is published waits for it: start it again, or, where it was "
    "started here, end this with Ctrl-C and `make run` anew"
)


class RunError(Exception):
    """A part of it did not start, or does not answer."""


def main() -> int:
    """Run everything until Ctrl-C or SIGTERM; return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--once", action="store_true", help="end behind the sample query")
    once: bool = arguments.parse_args().once
    # Started in the background by a script, a program ignores SIGINT unless it says otherwise.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    _LOGS.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(), broker_for_run(Path("data/broker")) as url, _children() as children:
            _serve(children, url, once=once)
    except KeyboardInterrupt:
        _say("stopped")
    except (RunError, BrokerError, ProgramMissingError) as error:
        _say(str(error))
        return 1
    return 0


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep a second run out of the folder: two brokers would write to the same files."""
    with Path("data/run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError("another `make run` serves from this folder: end it first") from None
        yield


def _serve(children: ChildGroup, broker_url: str, *, once: bool) -> None:
    environment = os.environ | {"RABBITMQ_URL": broker_url}
    consumer = _start(children, "consumer", environment, 8000, "receiving")
    publisher = _start(children, "publisher", environment, 8001, "ready")
    _publish_examples(environment)
    answer = _wait_for(lambda: _periods(consumer), "the sample query has no answer")
    _say(f"publisher: {publisher}  events are posted to /events")
    _say(f"consumer:  {consumer}  both have their documentation at /docs and /asyncapi")
    _say(f"timeline:  {consumer}/#patient={SAMPLE_PATIENT}")
    if broker_url != DEFAULT_URL:
        _say(f"broker:    export RABBITMQ_URL={broker_url} for other commands")
    _say(f"\n$ curl '{consumer}{SAMPLE_QUERY}'\n{json.dumps(answer, indent=2)}\n")
    if not once:
        _say("Serving until Ctrl-C, or SIGTERM.")
        _tell_of_the_broker(consumer)


def _start(
    children: ChildGroup, name: str, environment: dict[str, str], preferred_port: int, health: str
) -> str:
    """Start a service, wait until that part of its health is good, and return its address."""
    port = preferred_port if is_free(preferred_port) else free_port()
    log = _LOGS / f"{name}.log"
    log.unlink(missing_ok=True)
    app = f"{name}_app.main:app"
    child = children.start(
        [
            sys.executable,
            "-m",
            "faststream",
            "run",
            app,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        log=log,
        env=environment,
    )
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        if child.poll() is not None:
            raise RunError(f"the {name} ended at its start; {log} ends with:\n{_tail(log)}")
        return _get(f"{address}/health/{health}") is not None

    _wait_for(ready, f"the {name} is not ready; see {log}")
    return address


def _publish_examples(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "publisher_app", str(EXAMPLES)]
    _say(f"$ python -m publisher_app {EXAMPLES}")
    if subprocess.run(command, env=environment | _AS_OURS, check=False).returncode != 0:
        raise RunError("the example events could not be published")


def _tell_of_the_broker(consumer: str) -> NoReturn:
    """Say when RabbitMQ goes away, and when it is back."""
    was_away = False
    while True:
        time.sleep(_LOOK_SECONDS)
        is_away = _lacks_the_broker(consumer)
        if is_away is None or is_away == was_away:
            continue
        was_away = is_away
        _say(_AWAY if is_away else "RabbitMQ is back: all goes on")


def _lacks_the_broker(consumer: str) -> bool | None:
    """Tell whether RabbitMQ is away from the consumer, or None when that can't be told."""
    try:
        problem = _problems(consumer).get("broker")
    except (OSError, HTTPException, ValueError, LookupError):
        return None
    if problem is None:
        return False
    # Else it answers, and its queue is not subscribed to yet, or is gone.
    return True if problem.startswith("RabbitMQ") else None


def _problems(consumer: str) -> dict[str, str]:
    """Ask why nothing is received; raise what urllib, its answer and JSON raise."""
    try:
        answer = urllib.request.urlopen(f"{consumer}/health/receiving", timeout=5)
    except urllib.error.HTTPError as unready:
        answer = unready
    with answer:
        problems: dict[str, str] = json.load(answer)["problems"]
        return problems


def _periods(consumer: str) -> object:
    answer = _get(consumer + SAMPLE_QUERY)
    return answer if isinstance(answer, dict) and answer["periods"] else None


def _get(url: str) -> object:
    """Return the JSON of a good answer, or None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except (urllib.error.URLError, OSError):
        return None


def _wait_for(find: Callable[[], object], problem: str) -> object:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.1)
    raise RunError(f"{problem} (waited {_PATIENCE_SECONDS:.0f} s)")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


@contextlib.contextmanager
def _children() -> Iterator[ChildGroup]:
    group = ChildGroup()
    try:
        yield group
    finally:
        group.stop(_STOP_SECONDS)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
