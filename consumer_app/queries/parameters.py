"""What a caller may give: the query of each route as one model, and how each value is read."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from consumer_app.durations import Duration
from consumer_app.queries.places import read_place
from consumer_app.rules.periods import Period
from consumer_app.storage.store import Place
from contracts import Instant, MedicationName, PatientId
from runtime.http.accepting import preferred
from runtime.http.problems import BadParameter, BadParameters, Problem


def _read_place(value: object) -> Place:
    try:
        return read_place(str(value))
    except ValueError:
        raise PydanticCustomError(
            "after", "is not the `next` of an earlier answer: leave it out for the first page"
        ) from None


# What "+01:00" is read as where an address holds it unescaped.
_SPACE_BEFORE_OFFSET = re.compile(r"(:\d\d[\d:.]*) (\d\d:\d\d)$")


def _with_plus(value: object) -> object:
    return _SPACE_BEFORE_OFFSET.sub(r"\1+\2", value) if isinstance(value, str) else value


AskedInstant = Annotated[Instant, BeforeValidator(_with_plus)]
"""A point in time whose offset's plus may have arrived as the space that it is in an address."""

_PlaceText = Annotated[str, Field(json_schema_extra={"format": "place"})]

Patient = Annotated[
    PatientId, Field(description="The patient, as the events name them.", examples=["2"])
]
MergeGap = Annotated[
    Duration | None,
    Field(
        description="Join a medication's periods with a gap of at most this ISO 8601 duration: "
        "PT0S joins those that touch, P30D is the OMOP drug era's window.",
        examples=["P30D", "PT0S"],
    ),
]
_INSTANT = ["2021-01-01T02:00:00Z"]


class _Query(BaseModel):
    # FastAPI documents and reads an alias. A filter that is misspelt would else choose nothing, and
    # its answer look like one to what was meant.
    model_config = ConfigDict(extra="forbid")

    patient_id: Patient


class Format(StrEnum):
    """What an answer about periods can be written as."""

    JSON = "json"
    CSV = "csv"


_FORMATS = {"application/json": Format.JSON, "text/csv": Format.CSV}
_NOT_IN_CSV = ("explain", "doubts")


class PeriodsQuery(_Query):
    """What can be asked of a patient's periods."""

    medication_name: Annotated[
        list[MedicationName],
        Field(description="Only these medications; repeat it for several.", examples=["Heparin"]),
    ] = []
    from_: Annotated[
        AskedInstant | None,
        Field(alias="from", description="Periods that overlap [from, to).", examples=_INSTANT),
    ] = None
    to: Annotated[
        AskedInstant | None,
        Field(description="Periods that overlap [from, to).", examples=_INSTANT),
    ] = None
    at: Annotated[
        AskedInstant | None,
        Field(description="Periods that hold at that instant.", examples=_INSTANT),
    ] = None
    merge_gap: MergeGap = None
    explain: Annotated[
        bool,
        Field(description="Tell which events made each period, and why.", examples=["true"]),
    ] = False
    doubts: Annotated[
        bool,
        Field(
            description="Tell what deserves a second look now, and when the last report arrived.",
            examples=["true"],
        ),
    ] = False
    format: Annotated[
        Format | None,
        Field(
            description="csv: the periods alone, for a table. By default what the header `Accept` "
            "asks for, else json.",
            examples=["csv"],
        ),
    ] = None

    def chosen(self, periods: Iterable[Period]) -> Iterator[Period]:
        """Choose the periods that are asked for."""
        return filter(self.chooses, periods)

    def chooses(self, period: Period) -> bool:
        """Say whether a period is asked for."""
        return period.overlaps(self.from_, self.to) and (
            self.at is None or period.holds_at(self.at)
        )

    def written_for(self, accept: str) -> "PeriodsQuery":
        """Return the query with its format, for a client that would accept these media types.

        Raises:
            BadParameters: what is asked for can't be written so.

        """
        chosen = self.format or _FORMATS[preferred(accept, [*_FORMATS])]
        asked = [name for name in _NOT_IN_CSV if getattr(self, name)]
        if chosen is Format.CSV and asked:
            why = "has no place in CSV: ask for format=json"
            raise BadParameters(
                [Problem(parameter=name, reason=why, example="false") for name in asked]
            )
        return self.model_copy(update={"format": chosen})

    def check_window(self) -> None:
        """Raise BadParameter where the window ends before it begins."""
        if self.from_ is not None and self.to is not None and self.to < self.from_:
            valid = self.from_.isoformat().replace("+00:00", "Z")
            raise BadParameter("to", "is before `from`: the window is [from, to)", valid)


class EventsQuery(_Query):
    """Which page of a patient's events is wanted."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Events on a page.", examples=[100])] = (
        100
    )
    after: Annotated[
        Place | None,
        BeforeValidator(_read_place, json_schema_input_type=_PlaceText),
        Field(description="The `next` of the page before."),
    ] = None
