"""Places between the pages of a patient's events: what `next` gives and `after` takes."""

import base64
from typing import Any, get_type_hints

from msgspec import UNSET
from pydantic import TypeAdapter

from consumer_app.storage.store import PAGE_ORDER, Place, ReceivedEvent
from contracts import RECORD_FIELDS, Instant, MedicationEvent

# What an older version has stored may lie outside the years that an event can be of now.
_HINTS = get_type_hints(MedicationEvent, include_extras=True) | {"event_time": Instant}
# Of an event that is of no record they are empty, as in the order of the pages.
_HINTS |= dict.fromkeys(RECORD_FIELDS, str)
_FIELDS: Any = tuple[*(_HINTS[name] for name in PAGE_ORDER)]  # type: ignore[misc] # known then
_PLACE = TypeAdapter(_FIELDS)


def write_place(last: ReceivedEvent) -> str:
    """Write the place behind an event."""
    values = (getattr(last, name) for name in PAGE_ORDER)
    place = tuple("" if value is UNSET else value for value in values)
    return base64.urlsafe_b64encode(_PLACE.dump_json(place)).decode()


def read_place(text: str) -> Place:
    """Read what ``write_place`` has written.

    Raises:
        ValueError: it is nothing of the kind.

    """
    place: Place = _PLACE.validate_json(base64.urlsafe_b64decode(text))
    return place
