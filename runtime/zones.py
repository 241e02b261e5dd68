"""Time zones by their names, as IANA lists them."""

from zoneinfo import ZoneInfo


def read_zone(value: object) -> object:
    """Read the name of a time zone.

    Raises:
        ValueError: there is no such zone.

    """
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no known time zone: write it like Europe/Berlin") from None
