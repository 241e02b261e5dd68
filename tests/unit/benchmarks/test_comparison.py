"""When a commit counts as slower than another."""

from benchmarks.comparison import table, worse
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
