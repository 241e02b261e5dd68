"""Live traffic: reports that go on being published, by file and by HTTP, until it is ended."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.faults.background import UntilEnded
from tests.faults.reports import Reports
from tests.services import ServiceProcess

_AT_ONCE = 20
_PAUSE_SECONDS = 0.05
_LONGEST_PUBLISH = 180.0


def _source(reports: Reports, publish: Callable[[Reports], None]) -> UntilEnded:
    """Publish reports at a steady pace; once it has ended, the last one is handed over."""
    late = "the publisher does not take what it is given"
    return UntilEnded(lambda: publish(reports), _PAUSE_SECONDS, _LONGEST_PUBLISH, late)


@contextmanager
def by_standard_input(
    reports: Reports, environment: Mapping[str, str], folder: Path
) -> Iterator[None]:
    """Write reports to `python -m publisher_app -`; it must end with all of them published."""
    errors = folder / "publisher-command.log"
    with errors.open("wb") as log:
        command = subprocess.Popen(
            [sys.executable, "-m", "publisher_app", "-"],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=Path.cwd(),
        )
    assert command.stdin is not None
    pipe = command.stdin

    def write(reports: Reports) -> None:
        pipe.write(b"".join(report.line for report in reports.take(_AT_ONCE)))
        pipe.flush()

    source = _source(reports, write)
    source.start()
    try:
        yield
        source.end()
        said, _ = command.communicate(timeout=_LONGEST_PUBLISH)
        assert (command.returncode, b"rejected 0" in said) == (0, True), errors.read_text()
    finally:
        command.kill()
        command.wait()


@contextmanager
def by_http(reports: Reports, publisher: ServiceProcess) -> Iterator[None]:
    """Post reports; what is not answered 202 is posted again, as its senders are told to do."""

    client = httpx.Client(base_url=publisher.url, timeout=120)

    def post(reports: Reports) -> None:
        rows = [report.row for report in reports.take(_AT_ONCE)]
        while not _accepted(client, rows):
            pass

    source = _source(reports, post)
    source.start()
    with client:
        yield
        source.end()


def _accepted(client: httpx.Client, rows: list[dict[str, str]]) -> bool:
    try:
        answer = client.post("/events", json=rows)
    except httpx.TransportError:
        return False
    assert answer.status_code in {202, 503}, answer.text
    return answer.status_code == 202
