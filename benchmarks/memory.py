"""What a service holds of memory under what takes most of it, beside what the chart allows it."""

import json
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import yaml

from benchmarks.events import write_file
from benchmarks.machinery import Bench, wait_until_stored
from contracts.topology import EVENTS_QUEUE
from tests.databases import SqliteFile
from tests.faults.system import waiting

_VALUES = Path(__file__).parents[1] / "charts/medication-periods/values.yaml"
_MEBIBYTE = 1024 * 1024
_PAGE_BYTES = resource.getpagesize()
_SAMPLE_SECONDS = 0.05
# What has not grown for so long has grown as far as it does.
_STEADY_SECONDS = 3
_SENDING_SECONDS = 10

MESSAGES, MESSAGE_BYTES = 100, int(7.9 * _MEBIBYTE)
_EVENTS_A_MESSAGE = 1_000
_NUMBER = b"NUMBER"
_LONG = "\U00020000"
POSTS, POST_BYTES = 40, 15 * _MEBIBYTE


def chart_limit(service: str) -> float:
    """Return the MiB that the chart lets a service take, unless it is told otherwise."""
    limit: str = yaml.safe_load(_VALUES.read_text())[service]["resources"]["limits"]["memory"]
    return float(limit.removesuffix("Mi"))


class Peak:
    """The most that a process and its children have held at once so far, in MiB."""

    mebibytes = 0.0


@contextmanager
def peak_of(pid: int) -> Iterator[Peak]:
    """Watch a process and its children for as long as the context lasts."""
    peak, ended = Peak(), Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            peak.mebibytes = max(peak.mebibytes, _held_by(pid) / _MEBIBYTE)

    watching = Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        ended.set()
        watching.join()


def _held_by(pid: int) -> int:
    """Add it up, straight from /proc: psutil would look at all processes to find the children."""
    process = Path(f"/proc/{pid}")
    try:
        resident = int((process / "statm").read_text().split()[1]) * _PAGE_BYTES
        children = [each.read_text().split() for each in process.glob("task/*/children")]
    except OSError:  # it has just ended
        return 0
    return resident + sum(_held_by(int(child)) for each in children for child in each)


def held_messages(bench: Bench) -> float:
    """Let a consumer take as many of the longest messages as it may, and nobody write.

    Return its peak, until all are stored.
    """
    database = SqliteFile(bench.new_database().with_suffix(""))
    database.file.parent.mkdir()
    with bench.empty_queue(), bench.consumer(bench.environment(database.url)) as consumer:
        consumer.wait_until_ready()
        with peak_of(consumer.process.pid) as peak:
            with database.locked():
                body = _longest_message()
                for number in range(MESSAGES):
                    bench.fill([body.replace(_NUMBER, f"{number:0{len(_NUMBER)}}".encode())])
                _until_steady(lambda: waiting(bench.broker, EVENTS_QUEUE.name))
                _until_steady(lambda: peak.mebibytes)
            wait_until_stored(database.url, MESSAGES * _EVENTS_A_MESSAGE, poll=2)
    return peak.mebibytes


def _longest_message() -> bytes:
    """Write a message of as many events as it may hold, with texts as long as they may be.

    Its patient has a number yet to be given.
    """
    events = [
        {
            "patient_id": _NUMBER.decode() + _LONG * (128 - len(_NUMBER)),
            "medication_name": _LONG * 256,
            "action": "start",
            "event_time": "2026-01-01T00:00:00Z",
            "order_id": _LONG * 128,
            "event_id": f"{event}".rjust(128, _LONG),
        }
        for event in range(_EVENTS_A_MESSAGE)
    ]
    # Each character is written as an escape of 12 bytes; what is missing yet are spaces.
    return json.dumps(events).encode().ljust(MESSAGE_BYTES)


def _until_steady(measured: Callable[[], float]) -> None:
    since, before = time.monotonic(), measured()
    while time.monotonic() < since + _STEADY_SECONDS:
        time.sleep(0.1)
        if (now := measured()) != before:
            since, before = time.monotonic(), now


def unnumbered_rows(bench: Bench, count: int) -> float:
    """Publish a file whose rows have no event_id, so that equal ones are numbered."""
    file = write_file(bench.folder / "unnumbered.jsonl", count, event_ids=False)
    with bench.empty_queue():
        published = bench.publish(file, bench.environment())
    file.unlink()
    return published.peak_megabytes


def unfinished_posts(bench: Bench) -> float:
    """Send a publisher many long bodies, none of them to its end."""
    head = (
        f"POST /events HTTP/1.1\r\nHost: publisher\r\nContent-Length: {POST_BYTES + 1}\r\n\r\n"
    ).encode()
    body = b" " * POST_BYTES
    with bench.publisher(bench.environment()) as publisher, ExitStack() as stack:
        publisher.wait_until_ready()
        peak = stack.enter_context(peak_of(publisher.process.pid))
        connections = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", publisher.port), _SENDING_SECONDS)
            )
            for _ in range(POSTS)
        ]
        sending = [
            Thread(target=_send, args=(connection, head + body)) for connection in connections
        ]
        for each in sending:
            each.start()
        for each in sending:
            each.join()
        _until_steady(lambda: peak.mebibytes)
    return peak.mebibytes


def _send(connection: socket.socket, request: bytes) -> None:
    try:
        connection.sendall(request)
    except OSError:  # it is refused and closed, or not read on
        return
