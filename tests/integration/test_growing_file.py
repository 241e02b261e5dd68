"""`python -m publisher_app` on a file that another program is in the middle of writing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.broker import PrivateBroker
from tests.services import PATIENCE_SECONDS, ServiceProcess, eventually

HEAD = "patient_id,medication_name,action,event_time,order_id\n"
START = "growing,Heparin,start,2021-01-01T08:00:00Z,ORDER-101\n"
STOP = "growing,Heparin,stop,2021-01-01T09:00:00Z,ORDER-101\n"


@contextmanager
def _publishing(
    file: Path, environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[str]]:
    # It is fresh for the publisher's own 10 seconds, however late that starts.
    tomorrow = time.time() + 86_400
    os.utime(file, (tomorrow, tomorrow))
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "publisher_app", str(file)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as publisher,
    ):
        eventually(lambda: "is being written" in log.read_text())
        yield publisher


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_published_while_it_is_written_gives_whole_events(
    environment: dict[str, str], consumer: ServiceProcess, tmp_path: Path
) -> None:
    file, log = tmp_path / "events.csv", tmp_path / "log"
    half = START.index("01\n")
    file.write_text(HEAD + START[:half])
    with _publishing(file, environment, log) as publisher:
        with file.open("a") as growing:
            growing.write(START[half:] + STOP)
        said, _ = publisher.communicate(timeout=PATIENCE_SECONDS)

    assert publisher.returncode == 0
    assert said.startswith("published 2, rejected 0")
    run = said.partition("; run ")[2].partition(";")[0]
    assert run.startswith(f"events.csv/{len(HEAD) + half}/20"), "as it was when it was opened"
    assert said.endswith(
        f"; it was written to meanwhile: publish it again with --run {run} (PUBLISHER_RUN)\n"
    )
    assert f"{file} goes on" in log.read_text()
    eventually(lambda: len(_events(consumer)) == 2)
    assert {event["order_id"] for event in _events(consumer)} == {"ORDER-101"}
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": "growing"}).json()
    assert [(period["start"], period["end"]) for period in answer["periods"]] == [
        ("2021-01-01T08:00:00Z", "2021-01-01T09:00:00Z")
    ]


def test_a_publisher_told_to_end_while_it_waits_does_not_wait_on(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    file, log = tmp_path / "events.csv", tmp_path / "log"
    file.write_text(HEAD + START[:-4])
    with _publishing(file, {"RABBITMQ_URL": broker.url}, log) as publisher:
        publisher.send_signal(signal.SIGINT)

    assert publisher.returncode == 2
    assert "interrupted; published 0, rejected 0" in log.read_text()
    assert "was left as it is" not in log.read_text()


def _events(consumer: ServiceProcess) -> list[dict[str, str]]:
    answer = httpx.get(f"{consumer.url}/events", params={"patient_id": "growing"})
    events: list[dict[str, str]] = answer.json()["events"]
    return events
