"""What is made of the rounds in which a line is measured."""

import json

import pytest

from benchmarks.lines import MEBIBYTES, MILLISECONDS, PER_SECOND, Line, joined


def rates(*rounds: tuple[float, float], reach: float | None = None) -> Line:
    return Line("live", "do-nothing", PER_SECOND, rounds, reach)


def times(*rounds: tuple[float, float], reach: float | None = None) -> Line:
    return Line("publish to visible", "round trip", MILLISECONDS, rounds, reach)


def sizes(*rounds: tuple[float, float], reach: float | None = None) -> Line:
    return Line("consumer, many events", "the chart's limit", MEBIBYTES, rounds, reach)


def test_the_ratio_is_taken_within_each_round() -> None:
    # The machine was twice as busy in the second round, which both sides felt.
    line = rates((100, 50), (60, 25), (90, 60))

    assert line.ratio == 2.0
    assert (line.measured, line.compared_with) == (90, 50)


def test_the_spread_is_that_of_the_rounds_ratios() -> None:
    assert "| 2.00 | 1.50-2.40 |" in str(rates((100, 50), (60, 25), (90, 60)))


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        (rates((50, 100), reach=0.5), True),
        (rates((49, 100), reach=0.5), False),
        (times((4, 1), reach=4), True),
        (times((5, 1), reach=4), False),
        (sizes((512, 512), reach=1), True),
        (sizes((513, 512), reach=1), False),
        (rates((1, 100)), None),
    ],
)
def test_a_rate_is_to_be_as_great_and_a_time_or_size_as_small_as_its_reach(
    line: Line, reached: bool | None
) -> None:
    assert line.reached is reached


def test_what_is_measured_once_has_no_spread() -> None:
    assert str(sizes((400, 512), reach=1)) == (
        "| consumer, many events | 400 MiB | the chart's limit 512 MiB | 0.78 |  | ≤ 1 | yes |"
    )


def test_a_higher_rate_and_a_shorter_time_are_gains() -> None:
    assert rates((3, 1)).gain_over(rates((2, 1))) == 1.5
    assert times((2, 1)).gain_over(times((3, 1))) == 1.5


def test_the_rounds_of_several_runs_join() -> None:
    runs = [[rates((1, 2)), times((3, 4))], [rates((5, 6)), times((7, 8))]]

    assert [line.rounds for line in joined(runs)] == [[(1, 2), (5, 6)], [(3, 4), (7, 8)]]


def test_a_line_is_written_as_json_and_read_again() -> None:
    line = rates((100, 50), (60, 25), reach=1.5)

    assert str(Line.from_json(json.loads(json.dumps(line.as_json())))) == str(line)
