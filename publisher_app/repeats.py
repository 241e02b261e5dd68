"""Repeats: equal records of one input, told apart as the separate reports that they are."""

import re

from msgspec.structs import replace

from contracts import MedicationEvent, write_message
from publisher_app.formats.mapping import NoEvent
from publisher_app.seen import SeenKeys, key_of

_NUMBERED = "repeat-{}"
_is_numbered = re.compile(_NUMBERED.format("[0-9]+")).fullmatch


class Repeats:
    """Numbers equal events without an event_id by their place among their equals.

    The n-th of them has the same event_id whenever this input, or another one that holds it, is
    published. Memory is needed for those that have equals; of all others see ``SeenKeys``. Events
    are told apart by hashes of 64 bits: of a million inputs with 7 million rows, in one two share
    theirs.
    """

    def __init__(self) -> None:
        self._seen = SeenKeys()
        self._counts: dict[int, int] = {}

    def number(self, event: MedicationEvent) -> MedicationEvent:
        """Return the event; from the second of its equals on, with its number as event_id.

        Raises:
            NoEvent: its event_id is like one of ours, and would be taken for it.
            Failure: it can't be kept in mind.

        """
        if event.event_id is not None:
            if _is_numbered(event.event_id):
                raise NoEvent(
                    f"event_id: {_NUMBERED.format('…')} is given to rows that are equal to "
                    "earlier ones: write another one, or none"
                )
            return event
        key = key_of(write_message([event]))
        if not self._seen.add(key):
            return event
        count = self._counts[key] = self._counts.get(key, 1) + 1
        return replace(event, event_id=_NUMBERED.format(count))
