"""Versions of records: written so that they sort as they came about, and none ties with another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from contracts import MedicationEvent, write_message


def written_time(time: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return f"{time.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def in_order_of_code_points(text: str) -> str:
    """Write a text without spaces, so that what stands behind a space sorts below all longer ones.

    Spaces and ``!``, the next character, become two each; the order of texts stays.
    """
    return " ".join(text.split()).replace("!", '!"').replace(" ", "!!")


def digest_of(events: Sequence[MedicationEvent]) -> str:
    """Digest what a version reports, however it was written."""
    return blake2b(write_message(events), digest_size=8).hexdigest()
