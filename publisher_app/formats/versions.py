"""Versions of records: written so that they sort as they came about, and none ties with another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from contracts import MedicationEvent, write_message


def written_time(time: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return f"{time.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def digest_of(events: Sequence[MedicationEvent]) -> str:
    """Digest what a version reports, however it was written."""
    return blake2b(write_message(events), digest_size=8).hexdigest()
