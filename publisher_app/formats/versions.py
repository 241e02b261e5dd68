"""Versions of records: written so that they sort as they came about, and none ties with another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from msgspec import to_builtins

from contracts import MedicationEvent, write_message


def written_time(time: datetime) -> str:
    """Write a time so that texts sort as times do."""
    # In a tenth of the time of isoformat, which has the fraction in any case.
    text: str = to_builtins(time.astimezone(UTC))
    return text if time.microsecond else f"{text[:-1]}.000000Z"


def in_order_of_code_points(text: str) -> str:
    """Write a text without spaces, so that what stands behind a space sorts below all longer ones.

    Spaces and ``!``, the next character, become two each; the order of texts stays.
    """
    return " ".join(text.split()).replace("!", '!"').replace(" ", "!!")


def digest_of(events: Sequence[MedicationEvent]) -> str:
    """Digest what a version reports, however it was written."""
    return blake2b(write_message(events), digest_size=8).hexdigest()
