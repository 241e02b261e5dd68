"""Events made by a format from fields of its own."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256

from msgspec.structs import replace
from pydantic import ValidationError

from contracts import (
    MAX_IDENTIFIER_CHARACTERS,
    MAX_RECORD_CHARACTERS,
    MAX_VERSION_CHARACTERS,
    Action,
    MedicationEvent,
    RecordVersion,
    explain_event,
    explain_version,
    reasons,
)
from contracts.event import MAX_NAME_CHARACTERS, is_in_years_of_events
from contracts.text import is_plain
from publisher_app.formats.mapping import NoEvent


def event_at(
    time: datetime,
    action: Action,
    *,
    patient_id: str,
    medication_name: str,
    order_id: str = "",
    event_id: str = "",
) -> MedicationEvent:
    """Make an event of its texts and its time; an empty text is an absent one.

    Raises:
        NoEvent: they break the contract.

    """
    if (
        _is_plain(patient_id, MAX_IDENTIFIER_CHARACTERS)
        and _is_plain(medication_name, MAX_NAME_CHARACTERS)
        and (not order_id or _is_plain(order_id, MAX_IDENTIFIER_CHARACTERS))
        and (not event_id or _is_plain(event_id, MAX_IDENTIFIER_CHARACTERS))
        and time.tzinfo is UTC
        and is_in_years_of_events(time)
    ):
        return MedicationEvent(
            patient_id, medication_name, action, time, order_id or None, event_id or None
        )
    fields = {
        "patient_id": patient_id,
        "medication_name": medication_name,
        "action": action.value,
        "event_time": time.isoformat().replace("+00:00", "Z"),
        "order_id": order_id,
        "event_id": event_id,
    }
    return _explained(fields)


def stop_of(start: MedicationEvent, time: datetime) -> MedicationEvent:
    """Make the stop of what a start began; ``time`` is in UTC.

    Raises:
        NoEvent: it is no time of an event.

    """
    if is_in_years_of_events(time):
        return replace(start, action=Action.STOP, event_time=time)
    return event_at(
        time,
        Action.STOP,
        patient_id=start.patient_id,
        medication_name=start.medication_name,
        order_id=start.order_id or "",
        event_id=start.event_id or "",
    )


def made_version(
    record_id: str, record_version: str, events: list[MedicationEvent]
) -> RecordVersion:
    """Make a version of a record of its identifier, what ranks it, and its events.

    Raises:
        NoEvent: one of the texts breaks the contract.

    """
    if _is_plain(record_id, MAX_RECORD_CHARACTERS) and _is_plain(
        record_version, MAX_VERSION_CHARACTERS
    ):
        return RecordVersion(record_id, record_version, events)
    try:
        checked = explain_version(
            {"record_id": record_id, "record_version": record_version, "events": []}
        )
    except ValidationError as error:
        raise NoEvent(reasons(error)) from None
    return replace(checked, events=events)


def key_of(parts: Iterable[str]) -> str:
    """Join the parts of a key, so that keys are equal where all of their parts are."""
    return "/".join(each.replace("\\", r"\\").replace("/", r"\/") for each in parts)


def record_id(source: str, key: str) -> str:
    """Name a record by its source; what is too long by its digest, as a cut would join two."""
    whole = f"{source}/{key.strip()}"
    return whole if len(whole) <= MAX_RECORD_CHARACTERS else f"{source}/{_digest(key)}"


def order_id(key: str) -> str:
    """Name an order likewise."""
    return key if len(key) <= MAX_IDENTIFIER_CHARACTERS else _digest(key)


def _explained(fields: dict[str, str]) -> MedicationEvent:
    try:
        return explain_event(fields)
    except ValidationError as error:
        raise NoEvent(reasons(error)) from None


def _is_plain(text: str, most: int) -> bool:
    """Say whether a text is as the contract would read it, as nearly all are."""
    return 0 < len(text) <= most and is_plain(text) and text == text.strip()


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
