"""Retention: which histories are over for good, and their deletion.

An answer is the periods that are computed with some merge gap, or with none, and the anomalies.
What is deleted are whole histories, so each event of theirs goes together with its anomaly. What is
promised of the rest: **for each merge gap up to the given one, and for none, the answer afterwards
is the answer before without the periods and the anomalies of the deleted histories.** No period
becomes shorter, none is parted, none begins or ends elsewhere. A larger merge gap may have joined
a period that stays with one that is deleted; it begins later then, or ends earlier.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from consumer_app.recorded import RecordedEvent
from consumer_app.rules.histories import histories
from consumer_app.rules.periods import medication_periods
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
from contracts import MedicationEvent


@dataclass
class Purged:
    """What a purge has deleted so far, or would delete."""

    events: int = 0
    histories: int = 0
    kept: int = 0
    """Histories that are as old, and stay as a period of theirs is open or near one that stays."""


class Expired(NamedTuple):
    """One patient's histories whose last event is before a time."""

    separable: list[list[MedicationEvent]]
    """Those that can be deleted."""
    kept: int
    """How many can't."""


class _History(NamedTuple):
    """A history, and the places of its periods among the joined periods of the medication."""

    events: list[MedicationEvent]
    is_old: bool
    is_open: bool
    places: frozenset[int]


async def purge_histories(
    store: EventStore, before: datetime, merge_gap: timedelta, purged: Purged, *, dry_run: bool
) -> None:
    """Delete the histories whose last event is before a time; keep the tally in ``purged``.

    No answer about what stays is changed by it, for any merge gap up to ``merge_gap``. It may be
    interrupted anywhere, and repeated: of each patient, all is then deleted or nothing yet. Events
    that arrive while their patient's turn is on keep their history, and it alone.

    Raises:
        DatabaseUnavailable: the database can't be read or written; what is deleted stays so.

    """
    async for patient_id in store.patients_before(before):
        separable, kept = expired(await store.events_of(patient_id), before, merge_gap)
        found = {_key(history): _size(history) for history in separable}
        deleted = found if dry_run else await store.delete(found)
        purged.histories += len(deleted)
        purged.events += sum(found[key].events for key in deleted)
        purged.kept += kept + len(found) - len(deleted)
    if not dry_run:
        await store.forget_names()


def expired(events: Iterable[MedicationEvent], before: datetime, merge_gap: timedelta) -> Expired:
    """Find one patient's histories that are older than a time, and part those that can go."""
    by_medication: defaultdict[str, list[list[MedicationEvent]]] = defaultdict(list)
    for history in histories(events):
        by_medication[history[0].medication_name].append(history)
    separable: list[list[MedicationEvent]] = []
    old = 0
    for orders in by_medication.values():
        medication = _placed(orders, before, merge_gap)
        separable += (history.events for history in _separable(medication))
        old += sum(history.is_old for history in medication)
    return Expired(separable, old - len(separable))


def _placed(
    orders: Sequence[list[MedicationEvent]], before: datetime, merge_gap: timedelta
) -> list[_History]:
    """Find out where among the joined periods of a medication those of each order are."""
    joined = medication_periods(chain.from_iterable(orders), merge_gap).periods
    starts = [period.start for period in joined]
    placed = []
    for events in orders:
        periods = medication_periods(events).periods
        is_old = max(event.event_time for event in events) < before
        is_open = any(period.end is None for period in periods)
        # Joined periods lie apart: the one that a period is in is the last to begin before it.
        places = frozenset(bisect_right(starts, period.start) - 1 for period in periods)
        placed.append(_History(events, is_old, is_open, places))
    return placed


def _separable(medication: Iterable[_History]) -> list[_History]:
    """Choose the histories that are over, and of which no period is joined with one that stays.

    A history that stays for one of its periods stays whole, and so keeps what its other periods
    are joined with. A smaller merge gap joins nothing that the given one leaves apart.
    """
    over: list[_History] = []
    staying: set[int] = set()
    for history in medication:
        if history.is_old and not history.is_open:
            over.append(history)
        else:
            staying |= history.places
    while held := [history for history in over if history.places & staying]:
        over = [history for history in over if not history.places & staying]
        staying.update(*(history.places for history in held))
    return over


def _size(history: Sequence[MedicationEvent]) -> HistorySize:
    of_records = [event for event in history if isinstance(event, RecordedEvent)]
    counting = sum(event.superseded_by is None for event in of_records)
    return HistorySize(len(history) - len(of_records), len(of_records), counting)


def _key(history: Sequence[MedicationEvent]) -> HistoryKey:
    first = history[0]
    return HistoryKey(first.patient_id, first.medication_name, first.order_id)
