"""Edges: what a resource's status and times say of starts and stops."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from publisher_app.formats.fhir.resources import ERROR
from publisher_app.formats.mapping import NoEvent

END_UNKNOWN = "administrations whose end is not known, taken as points"
END_TO_COME = "ends of administrations in progress, left out"
ON_HOLD_SINCE = "administrations on hold whose end is not known, taken as started"


class When(NamedTuple):
    """An instant or a period, each side of which may be missing."""

    at: datetime | None
    start: datetime | None = None
    end: datetime | None = None
    until: datetime | None = None
    """Where the instant or the last side of the period is a whole day: the end of that."""

    @property
    def latest(self) -> datetime | None:
        """The last of what is known of it."""
        return max(filter(None, (self.at, self.start, self.end)), default=None)


class Edges(NamedTuple):
    """The start and the stop that a version reports, if any, and what is worth telling of it."""

    start: datetime | None = None
    stop: datetime | None = None
    note: str | None = None


def _given(when: When) -> Edges:
    if when.at is not None:
        return Edges(when.at, when.until or when.at)
    if when.end is None:
        return Edges(when.start, when.until or when.start, END_UNKNOWN)
    return Edges(when.start, when.until or when.end)


def _begun(when: When) -> Edges:
    if when.at is not None:
        return Edges(when.at)
    return Edges(when.start, None, None if when.end is None else END_TO_COME)


def _on_hold(when: When) -> Edges:
    if when.at is not None or when.start == when.end:
        return Edges()
    if when.end is None:
        return Edges(when.start, None, ON_HOLD_SINCE)
    return Edges(when.start, when.until or when.end)


def _none(_: When) -> Edges:
    return Edges()


# Statuses that need no time are not among those that have to tell one.
_BY_STATUS: dict[str, Callable[[When], Edges]] = {
    "completed": _given,
    "stopped": _given,
    "in-progress": _begun,
    "on-hold": _on_hold,
    "not-done": _none,
    ERROR: _none,
}
TELLS_A_TIME = ("completed", "stopped", "in-progress", "on-hold")


def edges(status: str | None, when: When) -> Edges:
    """Give the edges of a version by its status, as the table in docs/formats.md has them.

    Raises:
        NoEvent: there is no such status, or its times tell no edges.

    """
    told = _BY_STATUS.get(status or "")
    if told is None:
        raise NoEvent("status: is missing" if status is None else "status: is none of FHIR's")
    if status in TELLS_A_TIME:
        _check(when)
    return told(when)


def _check(when: When) -> None:
    if when.at is None and when.start is None:
        if when.end is None:
            raise NoEvent("effective: is missing: write a dateTime, or a Period with its start")
        raise NoEvent("effectivePeriod: has an end alone")
    if when.start is not None and when.end is not None and when.end < when.start:
        raise NoEvent("effectivePeriod: ends before it starts")
