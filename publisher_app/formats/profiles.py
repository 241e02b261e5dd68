"""Profiles: what a file says of the tables, resources and messages of one source.

``docs/formats.md`` lists the keys. A profile is TOML; those that are shipped have names.
"""

import csv
import gzip
import os
import tomllib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from contracts import checked_source, legible
from publisher_app.formats.fhir.options import Ranking
from publisher_app.formats.hl7 import options as hl7_options
from publisher_app.formats.text import read_encoding
from publisher_app.formats.times import check_format, read_time
from runtime.zones import read_zone

SHIPPED = Path(__file__).parents[1] / "profiles"

Rows = Literal["events", "intervals"]
Word = Literal["start", "stop", "point", "interval", "none", "void", "cancel_start", "cancel_stop"]
_NO_KEY, _OURS = "extra_forbidden", "Value error, "
_OF_EVENTS = {"start", "stop", "point", "none", "void", "cancel_start", "cancel_stop"}
_OF_INTERVALS = {"interval", "none", "void"}
_NEEDED = {
    "events": ("patient_id", "medication_name", "action", "event_time"),
    "intervals": ("patient_id", "medication_name", "start"),
}
_LOOKED_UP = ("patient_id", "medication_name", "order_id", "event_id")
FIELDS = (*_NEEDED["events"], "start", "stop", "order_id", "event_id")
"""What the columns of a table can hold."""
# Directives of strptime that tell a time of day, or when it is.
_OF_A_CLOCK = ("%H", "%I", "%M", "%S", "%f", "%p", "%z", "%c", "%X")
_MOST_OF_A_LOOK_UP = 64 * 1024 * 1024


class ProfileProblem(ValueError):
    """A profile can't be used; the text names file and key, and says what to write."""


def _source(name: str | None) -> str | None:
    return None if name is None else checked_source(name)


def _delimiter(written: str | None) -> str | None:
    if written is not None and (len(written) != 1 or written.isalnum() or written in '"\r\n'):
        raise ValueError('is one character, such as ";" or "\\t"')
    return written


def _origin(written: object) -> datetime:
    # TOML has times of its own.
    text = written.isoformat() if isinstance(written, datetime) else written
    return read_time(text, None)


def _tells_a_day_alone(written: str) -> bool:
    """Say whether a format has a certain day, and no time of it."""
    day = datetime(2021, 11, 22)  # noqa: DTZ001 - a date
    try:
        return datetime.strptime(day.strftime(written), written) == day and not any(  # noqa: DTZ007
            each in written for each in _OF_A_CLOCK
        )
    except ValueError:
        return False


Zone = Annotated[ZoneInfo | None, BeforeValidator(read_zone)]
Encoding = Annotated[str | None, BeforeValidator(read_encoding)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Times(_Part):
    """How times are written, where not as ISO 8601 or HL7 has it."""

    zone: Zone = None
    formats: list[str] = []
    count: Literal["seconds", "milliseconds", "minutes"] | None = None
    """What numbers count since ``origin``."""
    origin: Annotated[datetime, BeforeValidator(_origin)] = datetime(1970, 1, 1, tzinfo=UTC)
    dates: Literal["end inclusive", "end exclusive"] | None = None
    """Whether dates without a time are read, as whole days, and whether an end is a day within."""

    @property
    def formats_of_days(self) -> list[str]:
        """Those of the formats that dates are written in."""
        return [each for each in self.formats if _tells_a_day_alone(each)]

    @property
    def formats_of_times(self) -> list[str]:
        """The others."""
        return [each for each in self.formats if not _tells_a_day_alone(each)]


class Version(_Part):
    """What ranks the versions of a record: one scheme for a source."""

    column: str | None = None
    written_as: Literal["time", "number", "text", "as-of"] = "time"


class RecordOf(_Part):
    """Of which record a row is a version."""

    id: Annotated[list[str], Field(min_length=1)]
    version: Version


class LookUp(_Part):
    """A file of names for what stands as codes.

    Its path is relative to the profile; for a profile that is shipped, to the current directory.
    """

    file: str
    key: str
    value: str


class Table(_Part):
    """How rows are read."""

    rows: Rows
    columns: dict[str, str | list[str]]
    actions: dict[str, Word] = {}
    times: Times = Times()
    record: RecordOf | None = None
    look_up: dict[str, LookUp] = {}
    ignore: dict[str, list[str]] = {}
    optional: list[str] = []
    """The fields whose columns may be missing: all others must be there."""
    encoding: Encoding = None
    delimiter: Annotated[str | None, AfterValidator(_delimiter)] = None
    skip_lines: Annotated[int, Field(ge=0)] = 0


class OfFhir(_Part):
    """How the source's resources are read: see ``publisher_app.formats.fhir.options``."""

    patient_system: str | None = None
    ranked_by: Ranking | None = None
    dates: bool = False
    zone: Zone = None
    methods: dict[str, Literal["start", "stop", "point", "none"]] = {}


class OfHl7(_Part):
    """How the source's messages are read: see ``publisher_app.formats.hl7.options``."""

    authority: str | None = None
    zone: Zone = None
    charset: Encoding = None
    words: dict[str, hl7_options.Word] = {}
    is_pump: bool = False
    by_start: bool = False
    ranked_by: hl7_options.Ranking | None = None
    processing: tuple[str, ...] = ("P",)


class _Written(_Part):
    source: Annotated[str | None, AfterValidator(_source)] = None
    table: Table | None = None
    fhir: OfFhir = OfFhir()
    hl7: OfHl7 = OfHl7()


class Profile(NamedTuple):
    """One source: its name, and how what it gives is read."""

    source: str | None
    table: Table | None
    names: Mapping[str, Mapping[str, str]]
    """The names of the look-up files, by field and code."""
    fhir: Mapping[str, Any] = {}
    """What it says of ``FhirOptions``."""
    hl7: Mapping[str, Any] = {}
    """What it says of ``Hl7Options``."""

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times without an offset."""
        return self.table.times.zone if self.table else None


def shipped_names() -> list[str]:
    """Name the profiles that are shipped."""
    return sorted(each.stem for each in SHIPPED.glob("*.toml"))


def read_profile(name: str) -> Profile:
    """Read a profile: a file, or one that is shipped by its name.

    Raises:
        ProfileProblem: there is none, or it can't be used.

    """
    file = Path(name)
    if not file.suffix and not os.path.exists(file):  # noqa: PTH110 - of a name too long, too
        file = SHIPPED / f"{name}.toml"
        if name not in shipped_names():
            shipped = ", ".join(shipped_names())
            raise ProfileProblem(f"there is no such profile: write a file, or one of {shipped}")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileProblem(f"{file.name} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileProblem(f"{file.name} is not TOML: {error}") from None
    try:
        written = _Written.model_validate(content)
        return _profile(written, file)
    except ValidationError as error:
        raise ProfileProblem(f"{file.name}: {_told(error)}") from None
    except ValueError as error:
        raise ProfileProblem(f"{file.name}: {error}") from None


def _profile(written: _Written, file: Path) -> Profile:
    table = written.table
    if table is not None:
        _check(table)
    if table is not None and table.record is not None and not written.source:
        raise ValueError("source: is needed where rows are versions of records")
    # Of a profile that is shipped they lie where it is used.
    folder = Path() if file.parent == SHIPPED else file.parent
    names = {} if table is None else {f: _names(each, folder) for f, each in table.look_up.items()}
    return Profile(written.source, table, names, _options(written.fhir), _options(written.hl7))


def _told(error: ValidationError) -> str:
    """Say what is wrong with which key."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: "
        + ("is no key of a profile" if each["type"] == _NO_KEY else each["msg"]).removeprefix(_OURS)
        for each in problems
    )


def _options(given: OfFhir | OfHl7) -> Mapping[str, Any]:
    return {name: value for name, value in dict(given).items() if value is not None}


def _check(table: Table) -> None:
    _check_columns(table)
    _check_words(table)
    _check_times(table)
    record = table.record
    if record and record.version.written_as != "as-of" and record.version.column is None:
        raise ValueError("table.record.version: name a column, or written_as = 'as-of'")


def _check_times(table: Table) -> None:
    times = table.times
    beside = [each for each in ("zone", "formats", "dates") if getattr(times, each)]
    if times.count is not None and beside:
        which = " and ".join(beside)
        raise ValueError(f"table.times.count: numbers are all that is read then: leave out {which}")
    if times.count is None and "origin" in times.model_fields_set:
        raise ValueError("table.times.origin: is of numbers: name what they count (count)")
    of_times = table.times.formats if table.times.dates is None else table.times.formats_of_times
    for each in of_times:
        try:
            check_format(each)
        except ValueError as error:
            raise ValueError(f"table.times.formats: {each!r} {error}") from None


def _check_words(table: Table) -> None:
    allowed = _OF_EVENTS if table.rows == "events" else _OF_INTERVALS
    for word, meaning in table.actions.items():
        if meaning not in allowed:
            are = ", ".join(sorted(allowed))
            raise ValueError(f"table.actions.{word}: of {table.rows} it is one of {are}")
        if meaning == "void" and table.record is None:
            raise ValueError(f"table.actions.{word}: void takes back a record: name table.record")


def _check_columns(table: Table) -> None:
    _check_names(table)
    for field in _NEEDED[table.rows]:
        if field not in table.columns:
            raise ValueError(f"table.columns.{field}: is needed for {table.rows}")
    if bool(table.actions) != ("action" in table.columns):
        raise ValueError("table.actions: what words mean needs table.columns.action, and it these")
    for field in table.optional:
        if field not in table.columns:
            raise ValueError(f"table.optional: {field} is none of table.columns")
    allowed = [each for each in _LOOKED_UP if each in table.columns]
    for field in table.look_up:
        if field not in allowed:
            are = ", ".join(allowed)
            raise ValueError(f"table.look_up.{field}: of this table it is one of {are}")


def _check_names(table: Table) -> None:
    for field, columns in table.columns.items():
        if field not in FIELDS:
            raise ValueError(f"table.columns.{field}: is no field: {', '.join(sorted(FIELDS))}")
        if not all(name for parts in alternatives(columns) or [[""]] for name in parts):
            raise ValueError(f"table.columns.{field}: name a column")


def _names(look_up: LookUp, folder: Path) -> Mapping[str, str]:
    file = folder / look_up.file
    packed = file.with_name(f"{file.name}.gz")
    if not file.exists() and packed.exists():
        file = packed
    try:
        if file.stat().st_size > _MOST_OF_A_LOOK_UP:
            raise ValueError(f"table.look_up: {look_up.file} is larger than 64 MB")
        opening = gzip.open if file == packed else open
        with opening(file, "rt", encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            if not {look_up.key, look_up.value} <= {*(rows.fieldnames or ())}:
                raise ValueError(
                    f"table.look_up: {look_up.file} has no columns {look_up.key} and "
                    f"{look_up.value}"
                )
            return _unambiguous(
                ((row[look_up.key].strip(), row[look_up.value].strip()) for row in rows),
                look_up.file,
            )
    except FileNotFoundError:
        where = folder.resolve()
        raise ValueError(f"table.look_up: {look_up.file} is needed in {where}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"table.look_up: {look_up.file} can't be read: {error}") from None
    except (UnicodeDecodeError, csv.Error, AttributeError):
        raise ValueError(f"table.look_up: {look_up.file} is no CSV in UTF-8") from None


def _unambiguous(rows: Iterable[tuple[str, str]], file: str) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for code, name in rows:
        if names.setdefault(code, name) != name:
            raise ValueError(f"table.look_up: {file} has two names for {legible(code)[:40]}")
    return names


def alternatives(written: str | list[str]) -> Sequence[Sequence[str]]:
    """Give the columns that may hold a field: the first that is not empty does.

    One is written ``day + clock`` where its parts stand in several columns.
    """
    listed = [written] if isinstance(written, str) else written
    return [[part.strip() for part in each.split(" + ")] for each in listed]


def columns_of(table: Table) -> Sequence[str]:
    """Name all columns that a table needs, each once."""
    named: list[str] = []
    for field, written in table.columns.items():
        if field not in table.optional:
            named += (name for parts in alternatives(written) for name in parts)
    if table.record is not None:
        named += table.record.id
        if table.record.version.column is not None:
            named.append(table.record.version.column)
    return [*dict.fromkeys([*named, *table.ignore])]
