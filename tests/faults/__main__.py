"""`python -m tests.faults RUNS`: every fault in full, with another seed each run; then a table."""

import argparse
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_COUNTS = ("times", "events", "lost", "doubled")
_NONE = "\N{EN DASH}"
_DATABASE_OF_A_TEST = re.compile(r"\[(?:.*-)?(sqlite|postgresql)\b")


class Result(NamedTuple):
    """What one fault test found in one run."""

    fault: str
    database: str
    counts: dict[str, int]
    """By the names of the columns, as far as the test counts."""


def main() -> int:
    """Run the fault tests so often; print a Markdown table of what was broken and what was lost."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("runs", type=int, nargs="?", default=1)
    arguments.add_argument("--seed", type=int, help="the seed of the first run: default, any")
    given = arguments.parse_args()
    first = given.seed if given.seed is not None else secrets.randbelow(1_000_000)
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + given.runs):
            report = Path(folder) / f"{seed}.xml"
            status = _run(seed, report)
            if status != 0:
                print(f"failed with seed {seed}: python -m tests.faults --seed {seed}")
                return status
            results += _read(report)
    _print_table(results, given.runs, first)
    return 0


def _run(seed: int, report: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-m", "fault", "--timeout=1200", "-q"]
    # Most of a fault test is waiting.
    command += ["--numprocesses=3", "--dist=loadscope"]
    # The newer form of these reports has no place for a test's own figures.
    options = [f"--junitxml={report}", "-o", "junit_family=xunit1"]
    print(f"seed {seed}", flush=True)
    return subprocess.run(
        [*command, *options],
        env=os.environ | {"FAULTS": "full", "FAULTS_SEED": str(seed)},
        check=False,
    ).returncode


def _read(report: Path) -> Iterator[Result]:
    for test in ET.parse(report).iter("testcase"):
        if test.find("skipped") is not None:
            continue
        found = {each.get("name"): each.get("value", "") for each in test.iter("property")}
        database = _DATABASE_OF_A_TEST.search(test.get("name", ""))
        yield Result(
            found["fault"],
            _DATABASES[database[1]] if database else _NONE,
            {"times": 1} | {name: int(found[name]) for name in _COUNTS if name in found},
        )


def _print_table(results: list[Result], runs: int, first: int) -> None:
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for result in results:
        sums[result.fault, result.database].update(result.counts)
    today = datetime.now(UTC).date()
    seeds = f"seed {first}" if runs == 1 else f"seeds {first} to {first + runs - 1}"
    print(f"\n`make faults RUNS={runs}`, {today}, {seeds}:\n")
    print(f"| what was broken | database | {' | '.join(_COUNTS)} |")
    print("|---|---|---:|---:|---:|---:|")
    for (fault, database), found in sorted(sums.items(), key=_in_order):
        columns = (f"{found[name]:,}" if name in found else _NONE for name in _COUNTS)
        print(f"| {fault} | {database} |", " | ".join(columns), "|")


def _in_order(row: tuple[tuple[str, str], object]) -> list[str]:
    return [each.casefold() for each in row[0]]


if __name__ == "__main__":
    sys.exit(main())
