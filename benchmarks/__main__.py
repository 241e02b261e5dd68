"""`python -m benchmarks`: measure everything, print the table and write it to docs/."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import queries, throughput
from benchmarks.bounds import measured_bounds
from benchmarks.comparison import compare
from benchmarks.events import write_file
from benchmarks.lines import joined
from benchmarks.machinery import Bench
from benchmarks.report import Report
from benchmarks.rounds import Round, one_round
from local.broker import private_broker
from local.postgres import private_postgres
from tests.databases import PostgresDatabase

_SHARED_EVENTS = 400_000
_MANY_EVENTS = 5_000_000


def main() -> int:
    """Measure, print, write; return the exit status."""
    given = _arguments()
    if given.against:
        try:
            return compare(given.against, given.rounds, given.events)
        except subprocess.CalledProcessError as error:
            print(f"{given.against} can't be compared with: {error}", file=sys.stderr)
            return 2
    with _bench() as bench:
        rounds = _measure_rounds(bench, given.rounds, given.events)
        if given.lines:
            lines = joined([measured.lines for measured in rounds])
            given.lines.write_text(json.dumps([line.as_json() for line in lines], indent=2))
            return 0
        report = _report(bench, rounds, full=given.memory)
        if given.memory:
            _say(f"backfill of {_MANY_EVENTS:,} events")
            many = write_file(bench.folder / "many.jsonl", _MANY_EVENTS)
            report.longest = throughput.backfill(bench, many, _MANY_EVENTS)
    print(report.write())
    return 0


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3, help="in which each line is measured")
    arguments.add_argument("--events", type=int, default=1_000_000, help="in the backfill")
    instead = arguments.add_mutually_exclusive_group()
    instead.add_argument(
        "--memory",
        action="store_true",
        help="measure 5 million events, 7 million rows and a patient with a million events, too",
    )
    instead.add_argument(
        "--lines", type=Path, metavar="FILE", help="only write the lines of the table, as JSON"
    )
    instead.add_argument(
        "--against",
        metavar="REVISION",
        help="only compare with another commit: status 1 when a ratio is under 0.9 times as good",
    )
    return arguments.parse_args()


@contextmanager
def _bench() -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory() as folder,
        private_broker(Path(folder, "broker")) as broker,
    ):
        yield Bench(broker, Path(folder))


def _measure_rounds(bench: Bench, rounds: int, events: int) -> list[Round]:
    file = write_file(bench.folder / "events.jsonl", events)
    measured = []
    for number in range(1, rounds + 1):
        _say(f"round {number} of {rounds}")
        measured.append(one_round(bench, file, events))
    return measured


def _report(bench: Bench, rounds: list[Round], *, full: bool) -> Report:
    _say("memory, heavy patients")
    with private_postgres() as postgres:
        bounds = measured_bounds(bench, PostgresDatabase(postgres), full=full)
    _say("batch sizes, history lengths, consumers")
    return Report(
        lines=joined([measured.lines for measured in rounds]),
        bounds=bounds,
        longest=sorted(measured.backfill for measured in rounds)[len(rounds) // 2],
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


def _say(what: str) -> None:
    print(f"measuring: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
