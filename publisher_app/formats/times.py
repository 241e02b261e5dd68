"""Times as systems write them, read without guessing."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_ISO_8601 = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d|\d{8})[Tt ]"
    r"(?P<time>\d\d:?\d\d(:?\d\d([.,]\d+)?)?) ?(?P<offset>[Zz]|[+-]\d\d(:?\d\d)?)?",
    re.ASCII,
)
_EXAMPLE = "write it like 2021-01-01T02:00:00Z"


def read_time(value: object, zone: ZoneInfo | None) -> datetime:
    """Read an ISO 8601 day and time; one without an offset is taken to be in ``zone``.

    Raises:
        ValueError: it is no such time, or has no offset and can't be placed in the zone.

    """
    match = _ISO_8601.fullmatch(" ".join(value.split())) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"is not an ISO 8601 day and time: {_EXAMPLE}")
    if match["time"].startswith("24"):  # some Pythons read it as the next day's midnight
        raise ValueError(f"is not a day and time that exist: {_EXAMPLE}")
    offset = (match["offset"] or "").upper()
    try:
        time = datetime.fromisoformat(f"{match['day']}T{match['time']}{offset}")
    except ValueError:
        raise ValueError(f"is not a day and time that exist: {_EXAMPLE}") from None
    if offset:
        return time
    if zone is None:
        raise ValueError(
            "has no offset: write one, or name the zone with --timezone (PUBLISHER_TIMEZONE)"
        )
    return _in_zone(time, zone)


def _in_zone(local: datetime, zone: ZoneInfo) -> datetime:
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    try:
        back = first.astimezone(UTC).astimezone(zone)
    except OverflowError:
        raise ValueError(f"lies outside the years 1 to 9999: {_EXAMPLE}") from None
    if back.replace(tzinfo=None) != local:
        raise ValueError(f"does not exist in {zone.key}: the clock was put forward over it")
    raise ValueError(f"is ambiguous in {zone.key}: the clock was put back over it; add an offset")
