"""FHIR's search for MedicationStatements, read: https://hl7.org/fhir/R4/search.html.

Ours is narrower: of one patient, and by what the periods can tell.
"""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Self
from urllib.parse import urlencode

import msgspec

from consumer_app.patients import OF_FHIR, referred, unescaped
from contracts import checked_patient

MOST_ON_A_PAGE = 1_000
_ON_A_PAGE = 100
# Each is compared with each period.
_MOST_VALUES = 100

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Place = tuple[_Instant, str, _Instant]
"""Between two statements, in the order of a Bundle: start, medication, end."""

# What says how the answer is written, and is no search parameter.
_OF_THE_FORMAT = {"_format", "_pretty"}
_STATUS_SYSTEM = "http://hl7.org/fhir/CodeSystem/medication-statement-status|"
# Ours are the first three. What is none of these is misspelt, and would find nothing.
_STATUSES = (
    "active",
    "completed",
    "intended",
    "entered-in-error",
    "stopped",
    "on-hold",
    "unknown",
    "not-taken",
)
_A_STATUS = rf"({re.escape(_STATUS_SYSTEM)})?({'|'.join(_STATUSES)})"
STATUS_PATTERN = f"^({_A_STATUS}(,{_A_STATUS})*)?$"
"""What is searched for by status may be written like; as any value, it may be empty."""
_BETWEEN_VALUES = re.compile(r"(?<!\\),")
_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<minute>\d\d:\d\d)(?P<second>:\d\d(?P<fraction>\.\d{1,9})?)?"
    r"(?P<zone>Z|[+ -]\d\d:\d\d)?)?)?)?"
)
_write = msgspec.json.Encoder().encode
_read_place = msgspec.json.Decoder(Place).decode


class SearchRefused(Exception):
    """A search is not one that is answered; by FHIR's code of the issue."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


class Prefix(StrEnum):
    """How a period lies to a date that is searched for."""

    EQ = "eq"
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"
    SA = "sa"
    EB = "eb"


@dataclass(frozen=True)
class Effective:
    """A date that is searched for: all of [start, end) that its digits leave open."""

    prefix: Prefix
    start: datetime
    end: datetime

    def fits(self, start: datetime, end: datetime) -> bool:
        """Say whether a period [start, end) lies to it as the prefix says."""
        return _FITS[self.prefix](self, start, end)


# FHIR's own words for ge and le leave out what begins before a day and ends in it. With these, as
# with other servers, both together find what overlaps.
_FITS: Mapping[Prefix, Callable[[Effective, datetime, datetime], bool]] = {
    Prefix.EQ: lambda date, start, end: date.start <= start and end <= date.end,
    Prefix.GE: lambda date, _, end: end > date.start,
    Prefix.GT: lambda date, _, end: end > date.end,
    Prefix.LE: lambda date, start, _: start < date.end,
    Prefix.LT: lambda date, start, _: start < date.start,
    Prefix.SA: lambda date, start, _: start >= date.end,
    Prefix.EB: lambda date, _, end: end <= date.start,
}


@dataclass(frozen=True)
class StatementsQuery:
    """What is asked of a patient's statements; of several lists in a list, each must have a fit."""

    patient_id: str
    base: str
    """The address of FHIR's REST, as who asks knows it."""
    effective: tuple[tuple[Effective, ...], ...] = ()
    status: tuple[tuple[str, ...], ...] = ()
    names: tuple[tuple[str, ...], ...] = ()
    """How the medication's name begins: see ``folded``."""
    ids: tuple[tuple[str, ...], ...] = ()
    count: int = _ON_A_PAGE
    after: Place | None = None
    understood: tuple[tuple[str, str], ...] = ()
    """The parameters as they came, but those of the page and what was ignored."""

    medication_name: ClassVar[Sequence[str]] = ()

    @classmethod
    def read(cls, given: Mapping[str, Sequence[str]], base: str, *, is_strict: bool) -> Self:
        """Read a search; what is not known is ignored, unless it ``is_strict``.

        Raises:
            SearchRefused: it is none that is answered.

        """
        given = {
            name: found for name, values in given.items() if (found := [*filter(None, values)])
        }
        understood = [*_understood(given, is_strict=is_strict)]
        if len(understood) > _MOST_VALUES:
            raise SearchRefused("too-costly", f"there are more than {_MOST_VALUES} parameters")
        lists = {name: tuple(_parts(value) for value in given.get(name, ())) for name in _PARTED}
        if sum(map(len, (each for found in lists.values() for each in found))) > _MOST_VALUES:
            raise SearchRefused("too-costly", f"there are more than {_MOST_VALUES} values")
        return cls(
            patient_id=_patient(given),
            base=base,
            effective=tuple(tuple(map(_effective, each)) for each in lists["effective"]),
            status=tuple(tuple(map(_status, each)) for each in lists["status"]),
            names=tuple(tuple(map(folded, each)) for each in lists["code:text"]),
            ids=lists["_id"],
            count=_count(given.get("_count", [str(_ON_A_PAGE)])[-1]),
            after=_place(given["_after"][-1]) if "_after" in given else None,
            understood=tuple(understood),
        )

    def address(self, after: Place | None) -> str:
        """Return the address of the page behind a place, or of the first one."""
        page = [("_count", str(self.count))]
        if after is not None:
            page.append(("_after", base64.urlsafe_b64encode(_write(after)).decode()))
        return f"{self.base}/MedicationStatement?{urlencode([*self.understood, *page])}"


_PARTED = ("effective", "status", "code:text", "_id")
_OF_THE_PAGE = ("_count", "_after")
PARAMETERS = (*OF_FHIR, *_PARTED, *_OF_THE_PAGE)
_WITH_MODIFIERS = {name.partition(":")[0] for name in PARAMETERS}


def folded(name: str) -> str:
    """Return a name without case and accents, as FHIR compares strings."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _understood(
    given: Mapping[str, Sequence[str]], *, is_strict: bool
) -> Iterator[tuple[str, str]]:
    for name, values in given.items():
        if name in PARAMETERS:
            if name not in _OF_THE_PAGE:
                yield from ((name, value) for value in values)
        elif name == "code":
            words = "code: medications have names and no codes: search by code:text"
            raise SearchRefused("not-supported", words)
        elif ":" in name and name.partition(":")[0] in _WITH_MODIFIERS:
            raise SearchRefused("not-supported", f"{name}: there is no such modifier here")
        elif is_strict and name not in _OF_THE_FORMAT:
            known = ", ".join(PARAMETERS)
            raise SearchRefused("not-supported", f"{name}: is not known: there are {known}")


def _parts(value: str) -> tuple[str, ...]:
    return tuple(unescaped(part) for part in _BETWEEN_VALUES.split(value))


def _patient(given: Mapping[str, Sequence[str]]) -> str:
    named = [value for name in OF_FHIR for value in given.get(name, ())]
    if not named:
        raise SearchRefused("required", "patient: is missing: a search is of one patient")
    found = {*map(referred, named)}
    if len(found) > 1 or any(map(_BETWEEN_VALUES.search, named)):
        raise SearchRefused("not-supported", "patient: a search is of one patient")
    try:
        return checked_patient(found.pop())
    except ValueError:
        words = "patient: is none that an event can name: write it like Patient/2"
        raise SearchRefused("value", words) from None


def _effective(value: str) -> Effective:
    try:
        return _dated(_DATE.fullmatch(value))
    except (ValueError, OverflowError):
        prefixes = ", ".join(Prefix)
        words = f"effective: write it like ge2021-01-01 or 2021-01-01T02:00:00Z, with {prefixes}"
        raise SearchRefused("value", words) from None


def _dated(found: re.Match[str] | None) -> Effective:
    """Read a date.

    Raises:
        ValueError: there is no such date, or no such prefix.
        OverflowError: in UTC it is none that can be told.

    """
    if found is None:
        raise ValueError
    return Effective(Prefix(found["prefix"] or Prefix.EQ), *_range(found))


def _range(found: re.Match[str]) -> tuple[datetime, datetime]:
    """Return what a date leaves open, in UTC; without an offset it is in UTC already."""
    year, month, day = int(found["year"]), int(found["month"] or 1), int(found["day"] or 1)
    if found["minute"] is None:
        start = datetime(year, month, day, tzinfo=UTC)
        if found["day"]:
            return start, start + timedelta(days=1)
        months = year * 12 + month - 1 + (1 if found["month"] else 12)
        return start, datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    # A plus that is not escaped arrives as a space.
    zone = (found["zone"] or "Z").replace(" ", "+")
    digits = f"{found['minute']}{found['second'] or ''}{zone}"
    start = datetime.fromisoformat(f"{found['year']}-{found['month']}-{found['day']}T{digits}")
    if found["fraction"]:
        length = timedelta(microseconds=1)
    else:
        length = timedelta(seconds=1) if found["second"] else timedelta(minutes=1)
    start = start.astimezone(UTC)
    return start, start + length


def _status(value: str) -> str:
    status = value.removeprefix(_STATUS_SYSTEM)
    if status not in _STATUSES:
        raise SearchRefused("value", f"status: is none of FHIR's: there are {', '.join(_STATUSES)}")
    return status


def _count(value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise SearchRefused("value", "_count: write a number, such as 100")
    return min(int(value[:9]), MOST_ON_A_PAGE)


def _place(value: str) -> Place:
    try:
        place: Place = _read_place(base64.urlsafe_b64decode(value))
    except ValueError:
        words = "_after: is not of an earlier answer: leave it out for the first page"
        raise SearchRefused("value", words) from None
    return place
