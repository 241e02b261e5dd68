"""Durations as people write them, in a query as in an operator's command."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

# Years and months have no set length, so they are no duration of ours.
_DURATION = re.compile(r"P(?!$)(\d+W|(\d+D)?(T(?!$)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)", re.ASCII)


def _checked(value: object) -> object:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    raise PydanticCustomError(
        "duration",
        "is not an ISO 8601 duration of weeks, or of days, hours, minutes and seconds: "
        "write it like P30D or PT0S",
    )


Duration = Annotated[timedelta, BeforeValidator(_checked)]
"""An ISO 8601 duration of a set length, such as ``P30D``; never negative."""
