"""How many events a second are read by each of the contract's two readers."""

import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.events import events
from contracts import write_message
from contracts.message import explain_message
from contracts.reading import read_plain

_EVENTS = 1_000
_READS = 100


class Readers(NamedTuple):
    """Events a second."""

    quick: float
    explaining: float


def readers() -> Readers:
    """Let each reader read the same message of 1,000 plain events."""
    body = write_message(events(_EVENTS))
    explaining = _rate(lambda: explain_message(body))
    return Readers(_rate(lambda: read_plain(body)), explaining)


def _rate(read: Callable[[], object]) -> float:
    begin = time.perf_counter()
    for _ in range(_READS):
        read()
    return _READS * _EVENTS / (time.perf_counter() - begin)
