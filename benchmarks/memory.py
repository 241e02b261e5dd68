"""What a service holds of memory under what takes most of it, beside what the chart allows it."""

import json
import resource
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import yaml

from benchmarks.events import write_file
from benchmarks.machinery import Bench, wait_until_stored
from consumer_app.memory import MOST_BYTES_IN_HAND
from contracts.topology import EVENTS_QUEUE
from tests.databases import Database, SqliteFile
from tests.faults.system import waiting

_VALUES = Path(__file__).parents[1] / "charts/medication-periods/values.yaml"
_MEBIBYTE = 1024 * 1024
_PAGE_BYTES = resource.getpagesize()
_SAMPLE_SECONDS = 0.05
# What has not grown for so long has grown as far as it does.
_STEADY_SECONDS = 3
_SENDING_SECONDS = 10

MESSAGES, MESSAGE_BYTES = 100, int(7.9 * _MEBIBYTE)
EVENTS_A_MESSAGE = 1_000
_NUMBER = b"NUMBER"
_LONG = "\U00020000"
_TEXTS = 4
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
            peak.mebibytes = max(peak.mebibytes, held_by(pid) / _MEBIBYTE)

    watching = Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        ended.set()
        watching.join()


def held_by(pid: int) -> int:
    """Return the bytes that a process and its children hold.

    They are added up, straight from /proc: psutil would look at all processes for the children.
    """
    process = Path(f"/proc/{pid}")
    try:
        resident = int((process / "statm").read_text().split()[1]) * _PAGE_BYTES
        children = [each.read_text().split() for each in process.glob("task/*/children")]
    except OSError:  # it has just ended
        return 0
    return resident + sum(held_by(int(child)) for each in children for child in each)


def held_messages(bench: Bench, bodies: Iterable[bytes], database: Database | None = None) -> float:
    """Let a consumer take as many of these messages as it may, and nobody write.

    Return its peak, until all are stored: in SQLite, unless another database is named.
    """
    if database is None:
        database = SqliteFile(bench.new_database().with_suffix(""))
        database.file.parent.mkdir()
    with bench.empty_queue(), bench.consumer(bench.environment(database.url)) as consumer:
        consumer.wait_until_ready()
        with peak_of(consumer.process.pid) as peak:
            with database.locked():
                for body in bodies:
                    bench.fill([body])
                _until_steady(lambda: waiting(bench.broker, EVENTS_QUEUE.name))
                _until_steady(lambda: peak.mebibytes)
            wait_until_stored(database.url, MESSAGES * EVENTS_A_MESSAGE, poll=2)
    return peak.mebibytes


def longest_messages() -> Iterator[bytes]:
    """Yield messages that are as long as they may be, one after the other."""
    return _numbered(longest_message())


def longest_message() -> bytes:
    """Write as many events as a message may hold, with texts as long as they may be, as escapes."""
    events = (
        _event(event, _LONG * (125 - len(_NUMBER)), _LONG * 253, _LONG * 128, _LONG * 125)
        for event in range(EVENTS_A_MESSAGE)
    )
    # Each character is written as an escape of 12 bytes; what is missing yet are spaces.
    return json.dumps([*events]).encode().ljust(MESSAGE_BYTES)


def fitting_messages() -> Iterator[bytes]:
    """Yield the messages that take most memory of those that fit, and are all in hand together.

    A character in each text makes all its others take four bytes, too.
    """
    size = MOST_BYTES_IN_HAND // MESSAGES
    missing = size - len(_wide_message(_LONG))
    padding = missing // (_TEXTS * EVENTS_A_MESSAGE)
    return _numbered(_wide_message(_LONG + padding * "x").ljust(size))


def _numbered(body: bytes) -> Iterator[bytes]:
    """Give each message patients of its own."""
    for number in range(MESSAGES):
        yield body.replace(_NUMBER, f"{number:0{len(_NUMBER)}}".encode())


def _wide_message(text: str) -> bytes:
    events = [_event(event, text, text, text, text) for event in range(EVENTS_A_MESSAGE)]
    return json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()


def _event(number: int, patient: str, medication: str, order: str, event_id: str) -> object:
    """Make one whose texts have nothing in common with another event's."""
    return {
        "patient_id": f"{_NUMBER.decode()}{number:03}{patient}",
        "medication_name": f"{number:03}{medication}",
        "action": "start",
        "event_time": "2026-01-01T00:00:00Z",
        "order_id": order,
        "event_id": f"{number:03}{event_id}",
    }


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
