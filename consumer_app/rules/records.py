"""Rule 7: of a record only the events of its highest version count."""

from contracts import RecordEvent


class RecordedEvent(RecordEvent, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An event of a version of a record, as the store gives it.

    ``superseded_by`` is the record's highest version, where that is another one: it may hold no
    event at all. None where the event's own version counts.
    """

    superseded_by: str | None = None
