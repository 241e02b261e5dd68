"""Time zones by their names, as IANA lists them."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

# Files beside the zones of IANA: what a machine happens to be set to, and that it is not.
_NO_ZONES = {"localtime", "Factory"}


def read_zone(value: object) -> object:
    """Read the name of a time zone that a browser knows, too.

    Raises:
        ValueError: there is no such zone.

    """
    if not isinstance(value, str):
        return value
    if value not in _names():
        raise ValueError("is no known time zone: write it like Europe/Berlin")
    return ZoneInfo(value)


@cache
def _names() -> set[str]:
    """Look once through the files of all zones, but those with leap seconds."""
    return available_timezones() - _NO_ZONES
