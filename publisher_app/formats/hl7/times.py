"""Times as HL7 v2 writes them: YYYYMMDDHH[MM[SS[.S…]]][+ZZZZ]."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from publisher_app.formats.hl7.errors import DATA_TYPE, Wrong
from publisher_app.formats.times import read_time

_TIME = re.compile(
    r"(?P<day>\d{8})(?P<hour>\d\d)(?P<minute>\d\d)?(?P<second>\d\d(?:\.\d+)?)?"
    r"(?P<offset>[+-]\d{4}|Z)?",
    re.ASCII,
)
_OFFSET = re.compile(r"[+-]\d{4}$|Z$", re.ASCII)


def offset_of(text: str) -> str:
    """Give the offset that a time is written with, or nothing."""
    found = _OFFSET.search(text)
    return found[0] if found else ""


def read(where: str, text: str, zone: ZoneInfo | None, usual_offset: str) -> datetime:
    """Read a time: by its own offset, else in the zone, else by the usual offset.

    Raises:
        Wrong: it is none.

    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        is_day = re.fullmatch(r"\d{4}(\d\d){0,2}", text.strip(), re.ASCII)
        why = "is a day without the time of day" if is_day else "is no HL7 time"
        raise Wrong(DATA_TYPE, where, f"{why}: write it like 20210101020000+0000")
    day, hour, minute, second, offset = found.groups()
    offset = offset or ("" if zone else usual_offset)
    # As most times are written elsewhere, which is read in a third of the time.
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    zoned = f"{offset[:3]}:{offset[3:]}" if len(offset) > 1 else offset
    try:
        return read_time(f"{date}T{hour}:{minute or '00'}:{second or '00'}{zoned}", zone)
    except ValueError as error:
        raise Wrong(DATA_TYPE, where, str(error)) from None
