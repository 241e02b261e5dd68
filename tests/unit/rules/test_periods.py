"""A period and the windows and instants that are asked about: the end is always outside."""

import pytest

from consumer_app.rules.periods import Period, medication_periods
from tests.unit.rules.notation import events, hour


def period(text: str) -> Period:
    """Build ``[2,4)``, ``[2,2)`` or ``[2,open)``."""
    start, end = text.strip("[)").split(",")
    stop = "" if end == "open" else f", stop {end}"
    (built,) = medication_periods(events(f"start {start}{stop}")).periods
    return built


@pytest.mark.parametrize(
    ("held", "instants", "others"),
    [
        ("[2,4)", [2, 3, 3.999], [1.999, 4, 5]),
        ("[2,open)", [2, 3, 1_000_000], [1.999]),
        ("[2,2)", [], [1.999, 2, 2.001]),
    ],
)
def test_a_period_holds_from_its_start_until_before_its_end(
    held: str, instants: list[float], others: list[float]
) -> None:
    assert [at for at in instants + others if period(held).holds_at(hour(at))] == instants


@pytest.mark.parametrize(
    ("held", "start", "end", "overlaps"),
    [
        ("[2,4)", 0, 2, False),
        ("[2,4)", 0, 2.001, True),
        ("[2,4)", 2, 4, True),
        ("[2,4)", 2.5, 3, True),
        ("[2,4)", 0, 9, True),
        ("[2,4)", 3.999, 9, True),
        ("[2,4)", 4, 9, False),
        ("[2,4)", 2, 2, False),
        ("[2,open)", 0, 2, False),
        ("[2,open)", 1_000_000, 1_000_001, True),
        ("[2,2)", 0, 2, False),
        ("[2,2)", 2, 3, True),
        ("[2,2)", 1, 3, True),
        ("[2,2)", 2.001, 3, False),
        # None leaves a side of the window open.
        ("[2,4)", None, None, True),
        ("[2,4)", None, 2, False),
        ("[2,4)", None, 2.001, True),
        ("[2,4)", 3.999, None, True),
        ("[2,4)", 4, None, False),
        ("[2,open)", 1_000_000, None, True),
        ("[2,2)", 2, None, True),
        ("[2,2)", None, 2, False),
    ],
)
def test_a_period_meets_a_window_that_shares_an_instant_with_it(
    held: str, start: float | None, end: float | None, overlaps: bool
) -> None:
    window = (None if start is None else hour(start), None if end is None else hour(end))
    assert period(held).overlaps(*window) is overlaps
