"""When a commit counts as slower than another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import comparison
from benchmarks.comparison import compare, table, worse
from benchmarks.lines import MILLISECONDS, PER_SECOND, Line


def rate(ratio: float, part: str = "live") -> Line:
    return Line(part, "do-nothing", PER_SECOND, [(ratio, 1.0)])


def time(ratio: float) -> Line:
    return Line("publish to visible", "round trip", MILLISECONDS, [(ratio, 1.0)])


def test_a_rate_under_nine_tenths_of_what_it_was_is_worse() -> None:
    assert worse([rate(1.0)], [rate(0.89)]) == [rate(0.89)]
    assert worse([rate(1.0)], [rate(0.91)]) == []


def test_a_time_that_has_grown_as_much_is_worse() -> None:
    assert worse([time(1.0)], [time(1.12)]) == [time(1.12)]
    assert worse([time(1.0)], [time(0.5)]) == []


def test_lines_are_matched_by_part_and_yardstick_and_a_new_one_is_left_out() -> None:
    before, after = [rate(2.0), time(3.0)], [rate(9.0, "new"), time(3.0), rate(2.5)]

    assert worse(before, after) == []
    assert table(before, after).splitlines()[2:4] == [
        "| publish to visible | round trip | 3.00 (3.00-3.00) | 3.00 (3.00-3.00) "
        "| 1.00 | 1.00 |  |",
        "| live | do-nothing | 2.00 (2.00-2.00) | 2.50 (2.50-2.50) | 1.25 | 1.25 |  |",
    ]


def test_the_table_marks_what_is_worse() -> None:
    assert "| 1.50 | 0.67 | **worse** |" in table([time(2.0)], [time(3.0)])


@pytest.mark.parametrize(("here", "status"), [(2.0, 0), (1.0, 1)])
def test_both_trees_are_measured_in_turn_and_the_status_says_if_this_one_is_worse(
    monkeypatch: pytest.MonkeyPatch, here: float, status: int
) -> None:
    measured = []

    @contextmanager
    def checked_out(revision: str) -> Iterator[Path]:
        yield Path(revision)

    def lines_of(tree: Path, _: int) -> list[Line]:
        measured.append(tree == Path("v1"))
        return [rate(2.0 if tree == Path("v1") else here)]

    monkeypatch.setattr(comparison, "checked_out", checked_out)
    monkeypatch.setattr(comparison, "_lines_of", lines_of)

    assert compare("v1", rounds=2, events=1) == status
    assert measured == [True, False, True, False]
