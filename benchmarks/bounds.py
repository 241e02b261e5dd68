"""What is bounded, beside its bound: measured once, as it is far, whatever the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks import memory
from benchmarks.heavy_patients import Load, heavy_patients
from benchmarks.lines import MEBIBYTES, MILLISECONDS, Line
from benchmarks.machinery import Bench
from benchmarks.memory import chart_limit
from tests.databases import Database

_LONGEST_STALL_MILLISECONDS = 100.0
_HEAVY = Load(events=100_000, clients=8)
_MANY_HEAVY = Load(events=100_000, clients=100, patients=10)
_GIANT = Load(events=1_000_000, clients=8, seconds=60)


@dataclass
class Bounds:
    """What was measured beside bounds, and what the clients that caused it were told."""

    lines: list[Line] = field(default_factory=list)
    statuses: dict[str, Mapping[str, int]] = field(default_factory=dict)
    """How often they were answered with which status."""


def measured_bounds(bench: Bench, postgres: Database, *, full: bool) -> Bounds:
    """Measure what each service holds, and what others suffer; in full only when told to.

    ``postgres`` is an empty database.
    """
    rows = 7_000_000 if full else 1_000_000
    bounds = Bounds(
        [
            *_held_messages(bench, postgres),
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
        ]
    )
    for load in (_HEAVY, _MANY_HEAVY, *([_GIANT] if full else [])):
        _measure(bench, load, bounds)
    return bounds


def _held_messages(bench: Bench, postgres: Database) -> list[Line]:
    longest = f"{memory.MESSAGES} held messages of {memory.MESSAGE_BYTES / 2**20:.1f} MiB"
    fitting = f"{memory.MESSAGES} held messages that just fit"
    return [
        _size("consumer", longest, memory.held_messages(bench, memory.longest_messages())),
        _size("consumer", fitting, memory.held_messages(bench, memory.fitting_messages())),
        _size(
            "consumer on PostgreSQL",
            fitting,
            memory.held_messages(bench, memory.fitting_messages(), postgres),
        ),
    ]


def _measure(bench: Bench, load: Load, into: Bounds) -> None:
    suffered = heavy_patients(bench, load)
    waited = suffered.meanwhile.p99, suffered.idle.p99
    stall = suffered.longest_stall, _LONGEST_STALL_MILLISECONDS
    into.statuses[str(load)] = suffered.statuses
    into.lines += [
        _size("consumer", str(load), suffered.peak_mebibytes),
        Line(f"{load}: others' p99", "idle", MILLISECONDS, [waited], 10),
        Line(f"{load}: longest stall", "goal", MILLISECONDS, [stall], 1),
    ]


def _size(service: str, under: str, mebibytes: float) -> Line:
    """``under`` is what takes its memory."""
    sizes = [(mebibytes, chart_limit(service.split(maxsplit=1)[0]))]
    return Line(f"{service}, {under}", "the chart's limit", MEBIBYTES, sizes, 1)
