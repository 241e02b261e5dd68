"""Times as systems write them, read without guessing."""

import re
import warnings
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Some Pythons read an hour 24 as the next day's midnight.
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ](?!24)\d\d:\d\d:\d\d(\.\d+)?(Z|[+-](0\d|1[0-4]):00)?", re.ASCII
)
_OFFSET = r" ?(?P<offset>[Zz]|[Zz]\[UTC\]|UTC|GMT|[+-]\d\d(:?\d\d)?)?"
_ISO_8601 = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d|\d{8})[Tt ](?P<time>\d\d:?\d\d(:?\d\d([.,]\d+)?)?)" + _OFFSET,
    re.ASCII,
)
# The same day and time as ISO 8601 has it in digits, with nothing in between. In these years alone,
# as milliseconds since 1970 are of as many digits: 978307200000 is none of the year 9783.
_HL7 = re.compile(
    r"(?P<day>(?:18|19|20|21|22)\d{6})(?P<time>\d{4}(\d\d(\.\d+)?)?)" + _OFFSET, re.ASCII
)

_EXAMPLE = "write it like 2021-01-01T02:00:00Z"
_NO_NUMBER = f"is a number alone, which may count seconds or days from any day: {_EXAMPLE}"
_DAY_ALONE = re.compile(r"\d{4}-\d\d-\d\d|(19|20)\d{6}|\d\d?[./]\d\d?[./](\d\d){1,2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)
_ABBREVIATION = re.compile(r"(?P<time>.*\d) ?(?!AM|PM)[A-Z]{1,5}")


def read_time(value: object, zone: ZoneInfo | None, formats: Sequence[str] = ()) -> datetime:
    """Read a day and time in ISO 8601 or HL7's digits, or else in one of the ``formats``.

    One without an offset is taken to be in ``zone``.

    Raises:
        ValueError: it is no such time, or has no offset and can't be placed in the zone.

    """
    text = value if isinstance(value, str) else ""
    # Nearly none has a space too many.
    time = _rfc_3339(text) or _iso_8601(text)
    if time is None:
        text = " ".join(text.split())
        time = _iso_8601(text) or _formatted(text, formats)
    if time is None:
        raise ValueError(_NO_NUMBER if isinstance(value, int | float) else _why_no_time(text))
    if time.tzinfo is None and zone is None:
        raise ValueError(
            "has no offset: write one, or name the zone with --timezone (PUBLISHER_TIMEZONE)"
        )
    try:
        placed = time if time.tzinfo is not None or zone is None else _in_zone(time, zone)
        if not MINYEAR < placed.year < MAXYEAR:
            placed.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"lies outside the years 1 to 9999 in UTC: {_EXAMPLE}") from None
    return placed


def whole_day(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give a day's beginning and end in a zone, in UTC.

    Raises:
        OverflowError: UTC does not have them.

    """
    begin, end = (
        datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(1))
    )
    return begin, end


def check_format(written: str) -> None:
    """Check a format of times, with the directives of ``datetime.strptime``.

    Raises:
        ValueError: it is none, tells less than a minute of a certain day, or is not needed.

    """
    some_day = datetime(2021, 11, 22, 20, 15, tzinfo=UTC)  # could begin a year, too
    if "Z" in re.findall("%(.)", written):
        raise ValueError("%Z reads names of zones, of which one can mean several: use %z")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a format without a year
        try:
            read = datetime.strptime(some_day.strftime(written), written)  # noqa: DTZ007 - as it is
        except ValueError:
            raise ValueError("has a directive that Python's strptime does not know") from None
    if read.replace(tzinfo=UTC) != some_day:
        raise ValueError("tells no year, month, day, hour (of 24, or with %p) or minute")
    if not _leaves_iso_8601_alone(some_day.strftime(written), some_day):
        raise ValueError("is like ISO 8601 or HL7's digits, which are read as such")


def _leaves_iso_8601_alone(text: str, time: datetime) -> bool:
    try:
        read = _iso_8601(text)
    except ValueError:
        return False
    return read is None or read.replace(tzinfo=UTC) == time


def _rfc_3339(text: str) -> datetime | None:
    """Read a time as most are written, with or without an offset, in a fifth of the time.

    None where it is not so written.
    """
    if _RFC_3339.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _iso_8601(text: str) -> datetime | None:
    match = _ISO_8601.fullmatch(text) or _HL7.fullmatch(text)
    if match is None:
        return None
    time, offset = match["time"], (match["offset"] or "").upper()
    if time.startswith("24"):  # some Pythons read it as the next day's midnight
        raise ValueError("has an hour 24, and days end before it: write 00:00 of the next day")
    if offset in {"Z[UTC]", "UTC", "GMT"}:
        offset = "Z"
    try:
        return datetime.fromisoformat(f"{match['day']}T{time}{offset}")
    except ValueError:
        if time.replace(":", "")[4:6] == "60":
            raise ValueError("is a leap second, which can't be kept: write second 59") from None
        raise ValueError(f"is not a day and time that exist: {_EXAMPLE}") from None


def _formatted(text: str, formats: Sequence[str]) -> datetime | None:
    """Read by the formats, all of them: two that read a time differently are no help."""
    times = {time for each in formats if (time := _strptime(text, each)) is not None}
    if len(times) > 1:
        raise ValueError(
            "is read differently by two of the formats that --time-format "
            "(PUBLISHER_TIME_FORMAT) names"
        )
    return next(iter(times), None)


def _strptime(text: str, written: str) -> datetime | None:
    try:
        return datetime.strptime(text, written)  # noqa: DTZ007 - placed in a zone later
    except ValueError:
        return None


def _why_no_time(text: str) -> str:
    if _DAY_ALONE.fullmatch(text):
        return f"is a day without the time of day: {_EXAMPLE}"
    if _NUMBER.fullmatch(text):
        return _NO_NUMBER
    abbreviated = _ABBREVIATION.fullmatch(text)
    if abbreviated and _ISO_8601.fullmatch(abbreviated["time"]):
        return "abbreviates its zone, which can mean several: write the offset, such as +01:00"
    return (
        f"is not an ISO 8601 day and time: {_EXAMPLE}, or name its format with --time-format "
        "(PUBLISHER_TIME_FORMAT)"
    )


def _in_zone(local: datetime, zone: ZoneInfo) -> datetime:
    first = local.replace(tzinfo=zone)
    # A zone that has an offset for no time in particular has always the same.
    if zone.utcoffset(None) is not None or first.utcoffset() == first.replace(fold=1).utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError(f"does not exist in {zone.key}: the clock was put forward over it")
    raise ValueError(f"is ambiguous in {zone.key}: the clock was put back over it; add an offset")
