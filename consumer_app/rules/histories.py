"""What each event of a history did: the rules 1 to 3 of ``consumer_app.rules.periods``."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain, groupby, zip_longest
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from consumer_app.rules.records import identity
from contracts import Action, MedicationEvent

# To look a member up in its class makes a comparison with it take five times as long in Python
# 3.11, and nearly twice as long in 3.14.
_START, _STOP = Action.START, Action.STOP
_CANCELS = {Action.CANCEL_START: Action.START, Action.CANCEL_STOP: Action.STOP}
_TIME = attrgetter("event_time")

RANK = {
    Action.START: 0,
    Action.STOP: 1,
    Action.CANCEL_START: 2,
    Action.CANCEL_STOP: 3,
}
"""The order within one instant: reports come before the cancels, which may take them away."""


class Role(StrEnum):
    """What an event did in its history."""

    OPENED = "opened"
    CLOSED = "closed"
    REDUNDANT = "redundant"
    CANCELLED = "cancelled"
    CANCEL = "cancel"
    UNMATCHED = "unmatched"
    SUPERSEDED = "superseded"


class Verdict(NamedTuple):
    """An event and its role.

    ``counterpart`` is the cancel of a cancelled event, and the cancelled event of a cancel.
    """

    event: MedicationEvent
    role: Role
    counterpart: MedicationEvent | None = None


class FoldedHistory(Struct):
    """The events of one history (a patient's medication and order) by what they did.

    ``opened`` and ``closed`` are in time order and alternate, beginning with an opening one.
    """

    opened: list[MedicationEvent] = []
    closed: list[MedicationEvent] = []
    redundant: list[MedicationEvent] = []
    unmatched: list[MedicationEvent] = []
    cancelled: list[tuple[MedicationEvent, MedicationEvent]] = []
    """Events that were taken away, each with the cancel that did."""

    @property
    def is_open(self) -> bool:
        """Whether the patient is still on the medication."""
        return len(self.opened) > len(self.closed)

    def verdicts(self) -> Iterator[Verdict]:
        """Yield each event of the history once."""
        for role in (Role.OPENED, Role.CLOSED, Role.REDUNDANT, Role.UNMATCHED):
            yield from (Verdict(event, role) for event in getattr(self, role))
        for event, cancel in self.cancelled:
            yield Verdict(event, Role.CANCELLED, cancel)
            yield Verdict(cancel, Role.CANCEL, event)


def histories(events: Iterable[MedicationEvent]) -> Iterable[list[MedicationEvent]]:
    """Part one patient's events into histories: those of one medication and order."""
    parted: defaultdict[tuple[str, str | None], list[MedicationEvent]] = defaultdict(list)
    for event in events:
        parted[event.medication_name, event.order_id].append(event)
    return parted.values()


def fold_history(history: Iterable[MedicationEvent]) -> FoldedHistory:
    """Find out what each event of one history did, by rules 1 to 3."""
    events = sorted(history, key=_TIME)
    if _takes_turns(events):
        return FoldedHistory(opened=events[::2], closed=events[1::2])
    folded = FoldedHistory()
    _open_and_close(_cancel(_distinct(events), folded), folded)
    return folded


def _takes_turns(events: list[MedicationEvent]) -> bool:
    """Say whether a start and a stop take turns, each at an instant of its own, as most do.

    The rules change nothing about such a history, which a glance over it finds out sooner.
    """
    expected, next_expected = _START, _STOP
    before: object = None
    for event in events:
        if event.action is not expected or event.event_time == before:
            return False
        expected, next_expected, before = next_expected, expected, event.event_time
    return True


def _distinct(events: list[MedicationEvent]) -> Iterator[MedicationEvent]:
    """Rule 1. The same event twice is one; events that differ have an order in any case."""
    for instant in _instants(events):
        if len(instant) > 1:
            unique = {
                (_rank(event), event.event_id or "", identity(event)): event for event in instant
            }
            yield from (unique[key] for key in sorted(unique))
        else:
            yield instant[0]


def _cancel(history: Iterable[MedicationEvent], folded: FoldedHistory) -> list[MedicationEvent]:
    """Rule 2. Return the reports that stand, in time order."""
    standing: dict[Action, list[MedicationEvent]] = {_START: [], _STOP: []}
    for event in history:
        action = event.action
        if action in standing:
            standing[action].append(event)
        elif reports := standing[_CANCELS[action]]:
            folded.cancelled.append((reports.pop(), event))
        else:
            folded.unmatched.append(event)
    return sorted(standing[_START] + standing[_STOP], key=_TIME)


def _open_and_close(reports: list[MedicationEvent], folded: FoldedHistory) -> None:
    """Rule 3."""
    is_open = False
    for instant in _instants(reports):
        for report in _in_turns(instant, is_open=is_open) if len(instant) > 1 else instant:
            if report.action is _START:
                (folded.redundant if is_open else folded.opened).append(report)
                is_open = True
            else:
                (folded.closed if is_open else folded.unmatched).append(report)
                is_open = False


def _in_turns(instant: Iterable[MedicationEvent], *, is_open: bool) -> Iterator[MedicationEvent]:
    """Let the starts and stops of one instant alternate, the kind first that changes something."""
    kinds: dict[Action, list[MedicationEvent]] = {_START: [], _STOP: []}
    for report in instant:
        kinds[report.action].append(report)
    first, second = (_STOP, _START) if is_open else (_START, _STOP)
    turns = chain.from_iterable(zip_longest(kinds[first], kinds[second]))
    return (report for report in turns if report is not None)


def _instants(events: list[MedicationEvent]) -> Iterator[list[MedicationEvent]]:
    """Part events that are in time order into those of each instant."""
    return (list(instant) for _, instant in groupby(events, key=_TIME))


def _rank(event: MedicationEvent) -> int:
    return RANK[event.action]
