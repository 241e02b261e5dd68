"""How long the period rules take, against sorting the same events."""

import time
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from benchmarks.events import one_history
from consumer_app.rules.periods import medication_periods


class Rules(NamedTuple):
    """Milliseconds."""

    periods: float
    sorting: float


def rules(count: int) -> Rules:
    """Time the rules over one history of so many events, a tenth of them cancels."""
    events = one_history(count)
    time_of = attrgetter("event_time")
    sorting = _best(lambda: sorted(events, key=time_of))
    return Rules(_best(lambda: medication_periods(events)), sorting)


def _best(work: Callable[[], object], times: int = 5) -> float:
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found) * 1000
