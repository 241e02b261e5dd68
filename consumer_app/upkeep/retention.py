"""Retention: which histories are over for good, and their deletion."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, compress
from operator import not_
from typing import NamedTuple

from consumer_app.rules.histories import histories
from consumer_app.rules.periods import Period, medication_periods
from consumer_app.storage.store import EventStore, HistoryKey
from contracts import MedicationEvent


@dataclass
class Purged:
    """What a purge has deleted so far, or would delete."""

    events: int = 0
    histories: int = 0
    kept: int = 0
    """Histories that are as old, and stay as a period of theirs is open or part of a newer one."""


class _History(NamedTuple):
    """A history of which the last event is before the time, or not."""

    key: HistoryKey
    events: int
    periods: list[Period]
    is_old: bool

    @property
    def is_over(self) -> bool:
        return self.is_old and all(period.end is not None for period in self.periods)


async def purge_histories(
    store: EventStore, before: datetime, purged: Purged, *, dry_run: bool
) -> None:
    """Delete the histories whose last event is before a time; keep the tally in ``purged``.

    No answer about what stays is changed by it. It may be interrupted anywhere: each history is
    then there or deleted, as a whole.

    Raises:
        DatabaseUnavailable: the database can't be read or written; what is deleted stays so.

    """
    async for patient_id in store.patients_before(before):
        medications = _medications(patient_id, await store.events_of(patient_id), before)
        over = {each.key: each.events for each in chain.from_iterable(map(_separable, medications))}
        deleted = over if dry_run else await store.delete(over)
        purged.histories += len(deleted)
        purged.events += sum(over[key] for key in deleted)
        purged.kept += sum(each.is_old for each in chain(*medications)) - len(deleted)


def _medications(
    patient_id: str, events: Iterable[MedicationEvent], before: datetime
) -> list[list[_History]]:
    """Part one patient's events into histories, and put those of one medication together."""
    medications: defaultdict[str, list[_History]] = defaultdict(list)
    for history in histories(events):
        first = history[0]
        key = HistoryKey(patient_id, first.medication_name, first.order_id)
        is_old = max(event.event_time for event in history) < before
        periods = medication_periods(history).periods
        medications[first.medication_name].append(_History(key, len(history), periods, is_old))
    return list(medications.values())


def _separable(medication: Iterable[_History]) -> list[_History]:
    """Choose the histories that are over, and whose periods are joined with none that stays.

    The periods of different orders are joined where they overlap: without one of the orders, a
    joined period would be shorter.
    """
    over: list[_History] = []
    staying: list[Period] = []
    for history in medication:
        if history.is_over:
            over.append(history)
        else:
            staying += history.periods
    while staying:
        joined = [_overlap(history.periods, staying) for history in over]
        staying = [*chain.from_iterable(each.periods for each in compress(over, joined))]
        over = list(compress(over, map(not_, joined)))
    return over


def _overlap(some: Iterable[Period], others: Iterable[Period]) -> bool:
    return any(one.overlaps(other.start, other.end) for one in some for other in others)
