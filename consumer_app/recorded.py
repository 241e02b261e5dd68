"""Events of records, as the store gives them: with the version that counts instead, if any."""

from msgspec import UNSET, UnsetType

from contracts import MedicationEvent, RecordEvent, RecordId, SupersededBy, VersionOfRecord


class RecordedEvent(RecordEvent, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An event of a version of a record.

    ``superseded_by`` is the record's highest version, where that is another one: it may hold no
    event at all; empty where all versions are being retracted. None where the event's own version
    counts.
    """

    superseded_by: str | None = None


class FullEvent(MedicationEvent, frozen=True, omit_defaults=False):
    """An event with all of its fields, those that are absent as null; of a record also which."""

    record_id: RecordId | UnsetType = UNSET
    record_version: VersionOfRecord | UnsetType = UNSET
    superseded_by: SupersededBy | UnsetType = UNSET
