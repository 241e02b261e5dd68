"""Events made by a format from fields of its own."""

from hashlib import sha256

from pydantic import ValidationError

from contracts import (
    MAX_IDENTIFIER_CHARACTERS,
    MAX_RECORD_CHARACTERS,
    MedicationEvent,
    explain_event,
    read_plain_event,
    reasons,
)
from publisher_app.formats.mapping import NoEvent


def made_event(fields: dict[str, str]) -> MedicationEvent:
    """Make an event of its fields.

    Raises:
        NoEvent: they break the contract.

    """
    if event := read_plain_event(fields):
        return event
    try:
        return explain_event(fields)
    except ValidationError as error:
        raise NoEvent(reasons(error)) from None


def record_id(source: str, key: str) -> str:
    """Name a record by its source; what is too long by its digest, as a cut would join two."""
    whole = f"{source}/{key}"
    return whole if len(whole) <= MAX_RECORD_CHARACTERS else f"{source}/{_digest(key)}"


def order_id(key: str) -> str:
    """Name an order likewise."""
    return key if len(key) <= MAX_IDENTIFIER_CHARACTERS else _digest(key)


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
