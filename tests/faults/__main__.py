"""`python -m tests.faults RUNS`: every fault in full, with another seed each run; then a table."""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET


class Result(NamedTuple):
    """What one fault test found in one run."""

    fault: str
    database: str
    times: int
    events: int
    lost: int
    doubled: int


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
    command = [sys.executable, "-m", "pytest", "tests/faults", "--timeout=1200", "-q"]
    # Most of a fault test is waiting.
    command += ["--numprocesses=3", "--dist=worksteal"]
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
        found = {each.get("name"): each.get("value", "") for each in test.iter("property")}
        if "fault" in found:
            yield Result(
                str(found["fault"]),
                str(found["database"]),
                *(int(found[name]) for name in ("times", "events", "lost", "doubled")),
            )


def _print_table(results: list[Result], runs: int, first: int) -> None:
    by_fault: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        by_fault[result.fault, result.database].append(result)
    today = datetime.now(UTC).date()
    print(f"\n`make faults RUNS={runs}`, {today}, seeds {first} to {first + runs - 1}:\n")
    print("| what was broken | database | times | events | lost | doubled |")
    print("|---|---|---:|---:|---:|---:|")
    for (fault, database), found in by_fault.items():
        sums = (sum(figures) for figures in zip(*(each[2:] for each in found), strict=True))
        print(f"| {fault} | {database} |", " | ".join(f"{each:,}" for each in sums), "|")


if __name__ == "__main__":
    sys.exit(main())
