"""`python -m benchmarks`: measure everything once, print the table and write it to docs/."""

import argparse
import tempfile
from pathlib import Path

from benchmarks import queries, throughput
from benchmarks.events import write_file
from benchmarks.machinery import Bench
from benchmarks.report import Line, Report
from benchmarks.rules import rules
from local.broker import private_broker
from local.postgres import private_postgres
from tests.databases import PostgresDatabase

_MESSAGES = 20_000
_PEER_MESSAGES = 3_000
_SHARED_EVENTS = 400_000
_HISTORY = 100_000
_MANY_EVENTS = 5_000_000


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000, help="in the backfill")
    arguments.add_argument(
        "--memory", action="store_true", help="measure the peak memory over 5 million events"
    )
    given = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        private_broker(Path(folder, "broker")) as broker,
    ):
        bench = Bench(broker, Path(folder))
        report = measure(bench, given.events)
        if given.memory:
            _say(f"backfill of {_MANY_EVENTS:,} events")
            many = write_file(bench.folder / "many.jsonl", _MANY_EVENTS)
            report.longest = throughput.backfill(bench, many, _MANY_EVENTS)
    print(report.write())


def measure(bench: Bench, count: int) -> Report:
    """Measure every part, each next to its yardstick."""
    file = write_file(bench.folder / "events.jsonl", count)
    _say("one event a message")
    nothing = throughput.do_nothing(bench, _MESSAGES)
    live = throughput.live(bench, _MESSAGES)
    peer = throughput.simple_peer(bench, _PEER_MESSAGES)
    _say(f"backfill of {count:,} events")
    backfill = throughput.backfill(bench, file, count)
    executemany = throughput.executemany(bench, min(count, 1_000_000))
    _say("publisher")
    published, parsed = throughput.publish_alone(bench, file), throughput.parse_alone(file)
    _say("latency")
    trip = queries.round_trip(bench, seconds=10)
    seen = queries.seen_in_periods(bench, seconds=10)
    _say("queries")
    answers = queries.answers(bench, file, count)
    _say("period logic")
    periods, million = rules(_HISTORY), rules(10 * _HISTORY)
    _say("batch sizes, history lengths, consumers")
    return Report(
        lines=[
            _at_least(7, "backfill to SQLite", backfill.rate, "do-nothing", nothing),
            _at_least(0.5, "backfill to SQLite", backfill.rate, "executemany", executemany),
            _at_least(0.6, "live, one event a message", live, "do-nothing", nothing),
            _at_most(4, "publish to visible, p50", seen.p50, "round trip", trip.p50, "ms"),
            _at_most(10, "publish to visible, p99", seen.p99, "round trip", trip.p99, "ms"),
            _at_least(0.5, "publisher, file to confirmed", published, "parsing", parsed),
            _at_least(
                0.5, "`/periods`, 100 events", answers.periods, "bare route", answers.bare_route
            ),
            _at_least(
                0.5,
                "the same during a backfill",
                answers.during_backfill,
                "without",
                answers.periods,
            ),
            _at_most(
                6,
                "period logic, 100,000 events",
                periods.periods * 1000,
                "sorted",
                periods.sorting * 1000,
                "ms",
            ),
            _at_most(
                6,
                "period logic, 1,000,000 events",
                million.periods * 1000,
                "sorted",
                million.sorting * 1000,
                "ms",
            ),
            Line(
                "backfill to SQLite",
                f"{backfill.rate:,.0f}/s",
                f"simple peer {peer:,.0f}/s",
                backfill.rate / peer,
                "",
                None,
            ),
        ],
        longest=backfill,
        by_batch_size=throughput.by_batch_size(
            bench, {1: 20_000, 10: 100_000, 100: 300_000, 1_000: 300_000}
        ),
        by_history_length=queries.by_history_length(bench, [10, 100, 1_000, 10_000]),
        by_consumers=_by_consumers(bench),
    )


def _by_consumers(bench: Bench) -> dict[int, float]:
    with private_postgres() as postgres:
        return {
            consumers: throughput.consumers_on_postgres(
                bench, PostgresDatabase(postgres).url, _SHARED_EVENTS, consumers
            )
            for consumers in (1, 2, 4)
        }


def _at_least(reach: float, part: str, rate: float, name: str, yardstick: float) -> Line:
    ratio = rate / yardstick
    return Line(
        part, f"{rate:,.0f}/s", f"{name} {yardstick:,.0f}/s", ratio, f"≥ {reach}", ratio >= reach
    )


def _at_most(reach: float, part: str, time: float, name: str, yardstick: float, unit: str) -> Line:
    ratio = time / yardstick
    return Line(
        part,
        f"{time:,.1f} {unit}",
        f"{name} {yardstick:,.1f} {unit}",
        ratio,
        f"≤ {reach:.3g}",
        ratio <= reach,
    )


def _say(what: str) -> None:
    print(f"measuring: {what}", flush=True)


if __name__ == "__main__":
    main()
