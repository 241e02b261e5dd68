"""One round: every line of the table is measured once, the yardstick first."""

from pathlib import Path
from typing import NamedTuple

from benchmarks import formats, queries, reading, throughput
from benchmarks.lines import MILLISECONDS, PER_SECOND, Line
from benchmarks.machinery import Bench
from benchmarks.rules import rules

_MESSAGES = 20_000
_PEER_MESSAGES = 3_000
_RESOURCES = 200_000
_ROWS = 300_000
_HL7_MESSAGES = 5_000
_SECONDS = 10
_HISTORY = 100_000


class Round(NamedTuple):
    """The lines, and the backfill that several of them share."""

    lines: list[Line]
    backfill: throughput.Backfill


def one_round(bench: Bench, file: Path, count: int) -> Round:
    """Measure every part next to its yardstick; ``file`` holds ``count`` events."""
    nothing = throughput.do_nothing(bench, _MESSAGES)
    live = throughput.live(bench, _MESSAGES)
    peer = throughput.simple_peer(bench, _PEER_MESSAGES)
    raw = throughput.raw_insert(bench, min(count, 1_000_000))
    backfill = throughput.backfill(bench, file, count)
    bare, published = throughput.publish_barely(bench, file), throughput.publish_alone(bench, file)
    fhir = formats.resources(bench, _RESOURCES)
    table = formats.tables(bench, _ROWS)
    alone, together = (formats.hl7_messages(bench, each, _HL7_MESSAGES) for each in (1, 16))
    trip = queries.round_trip(bench, _SECONDS)
    seen = queries.seen_in_periods(bench, _SECONDS)
    answers = queries.answers(bench, file, count)
    known, unknown = queries.audited(bench)
    short, long = rules(_HISTORY), rules(10 * _HISTORY)
    readers = reading.readers()
    mllp_16 = "publisher, MLLP, 16 connections"
    lines = [
        _rates("backfill to SQLite", backfill.rate, "do-nothing", nothing, 7),
        _rates("backfill to SQLite", backfill.rate, "raw insert", raw, 0.5),
        _rates("live, one event a message", live, "do-nothing", nothing, 0.75),
        _times("publish to visible, p50", seen.p50, "round trip", trip.p50, 3.5),
        _times("publish to visible, p99", seen.p99, "round trip", trip.p99, 10),
        _rates("publisher, file to confirmed", published, "bare loop", bare, 0.5),
        _rates("publisher, FHIR NDJSON", fhir.ours, "JSON Lines", fhir.yardstick, 0.5),
        # At most 1.5 times the time.
        _rates("publisher, table by a profile", table.ours, "plain CSV", table.yardstick, 0.67),
        _rates("publisher, MLLP, 1 connection", alone.ours, "bare listener", alone.listener, 0.7),
        _rates("publisher, MLLP, 1 connection", alone.ours, "bare loop, 1", alone.loop),
        _rates(mllp_16, together.ours, "bare listener", together.listener, 0.7),
        _rates(mllp_16, together.ours, "bare loop, 16", together.loop),
        _rates("`/periods`, 100 events", answers.periods, "bare route", answers.bare_route, 0.5),
        _rates(
            "the same during a backfill", answers.during_backfill, "without", answers.periods, 0.5
        ),
        _rates(
            "the same, answered apart", answers.apart_during_backfill, "without", answers.apart, 0.5
        ),
        _rates("`/periods` with a token and audit", known, "without", unknown, 0.8),
        _times("period logic, 100,000 events", short.periods, "sorted", short.sorting, 6),
        _times("period logic, 1,000,000 events", long.periods, "sorted", long.sorting, 6),
        _rates("backfill to SQLite", backfill.rate, "simple peer", peer),
        _rates("reading plain events", readers.quick, "explaining reader", readers.explaining),
    ]
    return Round(lines, backfill)


def _rates(
    part: str, rate: float, yardstick: str, compared_with: float, reach: float | None = None
) -> Line:
    return Line(part, yardstick, PER_SECOND, [(rate, compared_with)], reach)


def _times(part: str, time: float, yardstick: str, compared_with: float, reach: float) -> Line:
    return Line(part, yardstick, MILLISECONDS, [(time, compared_with)], reach)
