"""Durations as people write them, in a query as in an operator's command."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# Years and months have no set length, so they are no duration of ours. With so many digits each,
# all of them together are still read.
_PATTERN = (
    r"^P(?!$)([0-9]{1,8}W|([0-9]{1,8}D)?"
    r"(T(?!$)([0-9]{1,6}H)?([0-9]{1,6}M)?([0-9]{1,8}(\.[0-9]+)?S)?)?)$"
)
_DURATION = re.compile(_PATTERN)


def _checked(value: object) -> object:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    raise PydanticCustomError(
        "duration",
        "is not an ISO 8601 duration of weeks, or of days, hours, minutes and seconds: "
        "write it like P30D or PT0S",
    )


Duration = Annotated[
    timedelta,
    BeforeValidator(_checked),
    # JSON Schema's own format of durations has years, and no PT1H30S.
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
]
"""An ISO 8601 duration of a set length, such as ``P30D``; never negative."""
