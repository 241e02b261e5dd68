"""What is bounded, beside its bound: measured once, as it is far, whatever the machine."""

from collections.abc import Iterator

from benchmarks import memory
from benchmarks.heavy_patients import heavy_patient
from benchmarks.lines import MEBIBYTES, MILLISECONDS, Line
from benchmarks.machinery import Bench
from benchmarks.memory import chart_limit

_SECONDS = 20
_LONGEST_STALL_MILLISECONDS = 100.0


def measured_bounds(bench: Bench, *, full: bool) -> list[Line]:
    """Measure what each service holds, and what others suffer; in full only when told to."""
    rows = 7_000_000 if full else 1_000_000
    lines = [
        _size(
            "consumer",
            f"{memory.MESSAGES} held messages of {memory.MESSAGE_BYTES / 2**20:.1f} MiB",
            memory.held_messages(bench),
        ),
        _size(
            "publisher",
            f"{rows:,} rows without event_id",
            memory.unnumbered_rows(bench, rows),
        ),
        _size(
            "publisher",
            f"{memory.POSTS} unfinished posts of {memory.POST_BYTES / 2**20:.0f} MiB",
            memory.unfinished_posts(bench),
        ),
        *_heavy(bench, 100_000, clients=8),
    ]
    if full:
        lines += _heavy(bench, 1_000_000, clients=1)
    return lines


def _heavy(bench: Bench, events: int, clients: int) -> Iterator[Line]:
    suffered = heavy_patient(bench, events, clients, _SECONDS)
    asked = f"{clients} asking of {events:,} events"
    yield _size("consumer", asked, suffered.peak_mebibytes)
    waited = suffered.meanwhile.p99, suffered.idle.p99
    yield Line(f"{asked}: others' p99", "idle", MILLISECONDS, [waited], 10)
    stall = suffered.longest_stall, _LONGEST_STALL_MILLISECONDS
    yield Line(f"{asked}: longest stall", "goal", MILLISECONDS, [stall], 1)


def _size(service: str, under: str, mebibytes: float) -> Line:
    """``under`` is what takes its memory."""
    sizes = [(mebibytes, chart_limit(service))]
    return Line(f"{service}, {under}", "the chart's limit", MEBIBYTES, sizes, 1)
