"""Two commits on one machine: the same lines, measured in turn in a tree of each.

Each tree is measured by its own benchmark, as that reaches into its code.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.lines import Line, joined

_HERE = Path(__file__).parents[1]
_ENOUGH = 0.9


def compare(revision: str, rounds: int, events: int) -> int:
    """Measure a revision and this tree alternately; print both, and return 1 if one got worse.

    Raises:
        subprocess.CalledProcessError: there is no such revision, or it can't measure its lines.

    """
    before: list[list[Line]] = []
    after: list[list[Line]] = []
    with checked_out(revision) as there:
        for number in range(1, rounds + 1):
            for name, tree, runs in ((revision, there, before), ("this tree", _HERE, after)):
                print(f"round {number} of {rounds}: {name}", flush=True)
                runs.append(_lines_of(tree, events))
    old, new = joined(before), joined(after)
    print(table(old, new))
    return 1 if worse(old, new) else 0


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Give a temporary working tree of a revision."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        _git("worktree", "add", "--quiet", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=_HERE, check=True)


def _lines_of(tree: Path, events: int) -> list[Line]:
    with tempfile.NamedTemporaryFile(suffix=".json") as written:
        options = ["--lines", written.name, "--rounds", "1", "--events", str(events)]
        command = [sys.executable, "-m", "benchmarks", *options]
        subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
        return [Line.from_json(line) for line in json.load(written)]


def worse(before: Sequence[Line], after: Sequence[Line]) -> list[Line]:
    """Return the lines after whose ratio is under 0.9 as good as it was before."""
    return [new for old, new in _pairs(before, after) if new.gain_over(old) < _ENOUGH]


def table(before: Sequence[Line], after: Sequence[Line]) -> str:
    """Show the ratios of both, with their spread, for the lines that both have."""
    return "\n".join(
        [
            "| part | yardstick | before | after | after/before | gain | |",
            "|---|---|---:|---:|---:|---:|---|",
            *(_row(old, new) for old, new in _pairs(before, after)),
            "",
            f"The gain is after/before, of times before/after. Under {_ENOUGH} counts as worse.",
        ]
    )


def _row(old: Line, new: Line) -> str:
    verdict = "**worse**" if worse([old], [new]) else ""
    return (
        f"| {new.part} | {new.yardstick} | {_ratio(old)} | {_ratio(new)} "
        f"| {new.ratio / old.ratio:.2f} | {new.gain_over(old):.2f} | {verdict} |"
    )


def _ratio(line: Line) -> str:
    return f"{line.ratio:.2f} ({line.ratios[0]:.2f}-{line.ratios[-1]:.2f})"


def _pairs(before: Sequence[Line], after: Sequence[Line]) -> Iterator[tuple[Line, Line]]:
    old = {line.key: line for line in before}
    return ((old[line.key], line) for line in after if line.key in old)
