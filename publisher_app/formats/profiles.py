"""Profiles: what a file says of the tables, resources and messages of one source.

``docs/formats.md`` lists the keys. A profile is TOML; those that are shipped have names.
"""

import codecs
import csv
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from publisher_app.formats.fhir.options import Ranking
from publisher_app.formats.times import check_format

SHIPPED = Path(__file__).parents[1] / "profiles"

Rows = Literal["events", "intervals"]
Word = Literal["start", "stop", "point", "interval", "none", "void", "cancel_start", "cancel_stop"]
_OF_EVENTS = {"start", "stop", "point", "none", "void", "cancel_start", "cancel_stop"}
_OF_INTERVALS = {"interval", "none", "void"}
_NEEDED = {
    "events": ("patient_id", "medication_name", "action", "event_time"),
    "intervals": ("patient_id", "medication_name", "start"),
}
_MOST_OF_A_LOOK_UP = 64 * 1024 * 1024


class ProfileProblem(ValueError):
    """A profile can't be used; the text names file and key, and says what to write."""


class Times(Struct, forbid_unknown_fields=True, kw_only=True):
    """How times are written, where not as ISO 8601 or HL7 has it."""

    zone: str | None = None
    formats: list[str] = []
    count: Literal["seconds", "milliseconds", "minutes"] | None = None
    """What numbers count since ``origin``."""
    origin: str = "1970-01-01T00:00:00Z"
    dates: Literal["end inclusive", "end exclusive"] | None = None
    """Whether dates without a time are read, as whole days, and whether an end is a day within."""


class Version(Struct, forbid_unknown_fields=True, kw_only=True):
    """What ranks the versions of a record: one scheme for a source."""

    column: str | None = None
    written_as: Literal["time", "number", "text", "as-of"] = "time"


class RecordOf(Struct, forbid_unknown_fields=True, kw_only=True):
    """Of which record a row is a version."""

    id: list[str]
    version: Version


class LookUp(Struct, forbid_unknown_fields=True, kw_only=True):
    """A file of names for what stands as codes; its path is relative to the profile."""

    file: str
    key: str
    value: str


class Table(Struct, forbid_unknown_fields=True, kw_only=True):
    """How rows are read."""

    rows: Rows
    columns: dict[str, str | list[str]]
    actions: dict[str, Word] = {}
    times: Times = msgspec.field(default_factory=Times)
    record: RecordOf | None = None
    look_up: dict[str, LookUp] = {}
    ignore: dict[str, list[str]] = {}
    optional: list[str] = []
    """The fields whose columns may be missing: all others must be there."""
    encoding: str | None = None
    delimiter: str | None = None
    skip_lines: int = 0


class OfFhir(Struct, forbid_unknown_fields=True, kw_only=True):
    """How the source's resources are read: see ``publisher_app.formats.fhir.options``."""

    patient_system: str | None = None
    ranked_by: Ranking | None = None
    dates: bool = False
    zone: str | None = None
    methods: dict[str, Literal["start", "stop", "point", "none"]] = {}


class OfHl7(Struct, forbid_unknown_fields=True, kw_only=True):
    """How the source's messages are read: see ``publisher_app.formats.hl7.options``."""

    authority: str | None = None
    zone: str | None = None
    charset: str | None = None
    words: dict[str, Literal["start", "stop", "point", "none"]] = {}
    is_pump: bool = False
    by_start: bool = False
    processing: tuple[str, ...] = ("P",)


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
        return ZoneInfo(self.table.times.zone) if self.table and self.table.times.zone else None


def shipped_names() -> list[str]:
    """Name the profiles that are shipped."""
    return sorted(each.stem for each in SHIPPED.glob("*.toml"))


def read_profile(name: str) -> Profile:
    """Read a profile: a file, or one that is shipped by its name.

    Raises:
        ProfileProblem: there is none, or it can't be used.

    """
    file = Path(name)
    if not file.suffix and not file.exists():
        file = SHIPPED / f"{name}.toml"
        if not file.exists():
            shipped = ", ".join(shipped_names())
            raise ProfileProblem(f"there is no such profile: write a file, or one of {shipped}")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileProblem(f"{file.name} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileProblem(f"{file.name} is not TOML: {error}") from None
    try:
        return _profile(content, file)
    except (msgspec.ValidationError, ValueError, LookupError) as error:
        raise ProfileProblem(f"{file.name}: {error}") from None


def _profile(content: dict[str, Any], file: Path) -> Profile:
    unknown = sorted(content.keys() - {"source", "table", "fhir", "hl7"})
    if unknown:
        raise ValueError(f"{unknown[0]} is no key of a profile: source, table, fhir and hl7 are")
    table = None
    if "table" in content:
        table = msgspec.convert(content["table"], Table)
        _check(table)
    source = content.get("source")
    if source is not None and not isinstance(source, str):
        raise ValueError("source must be a name")
    if table is not None and table.record is not None and not source:
        raise ValueError("source: is needed where rows are versions of records")
    names = {} if table is None else {f: _names(each, file) for f, each in table.look_up.items()}
    fhir = _options(msgspec.convert(content.get("fhir", {}), OfFhir))
    hl7 = _options(msgspec.convert(content.get("hl7", {}), OfHl7))
    return Profile(source, table, names, fhir, hl7)


def _options(given: OfFhir | OfHl7) -> Mapping[str, Any]:
    options = asdict(given)
    options["zone"] = None if given.zone is None else _zone(given.zone)
    if isinstance(given, OfHl7) and given.charset is not None:
        codecs.lookup(given.charset)
    return {name: value for name, value in options.items() if value is not None}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("zone: is no known time zone: write it like Europe/Berlin") from None


def _check(table: Table) -> None:
    _check_columns(table)
    _check_words(table)
    for each in table.times.formats:
        try:
            check_format(each)
        except ValueError as error:
            raise ValueError(f"table.times.formats: {each!r} {error}") from None
    if table.times.zone is not None:
        _zone(table.times.zone)
    record = table.record
    if record and record.version.written_as != "as-of" and record.version.column is None:
        raise ValueError("table.record.version: name a column, or written_as = 'as-of'")


def _check_words(table: Table) -> None:
    allowed = _OF_EVENTS if table.rows == "events" else _OF_INTERVALS
    for word, meaning in table.actions.items():
        if meaning not in allowed:
            are = ", ".join(sorted(allowed))
            raise ValueError(f"table.actions.{word}: of {table.rows} it is one of {are}")
        if meaning == "void" and table.record is None:
            raise ValueError(f"table.actions.{word}: void takes back a record: name table.record")


def _check_columns(table: Table) -> None:
    known = {*_NEEDED["events"], "start", "stop", "order_id", "event_id"}
    for field, columns in table.columns.items():
        if field not in known:
            raise ValueError(f"table.columns.{field}: is no field: {', '.join(sorted(known))}")
        if not columns or (isinstance(columns, list) and not all(columns)):
            raise ValueError(f"table.columns.{field}: name a column")
    for field in _NEEDED[table.rows]:
        if field not in table.columns:
            raise ValueError(f"table.columns.{field}: is needed for {table.rows}")
    if "action" in table.columns and not table.actions:
        raise ValueError("table.actions: say what the words of the action mean")


def _names(look_up: LookUp, profile: Path) -> Mapping[str, str]:
    file = profile.parent / look_up.file
    try:
        if file.stat().st_size > _MOST_OF_A_LOOK_UP:
            raise ValueError(f"table.look_up: {look_up.file} is larger than 64 MB")
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            if not {look_up.key, look_up.value} <= {*(rows.fieldnames or ())}:
                raise ValueError(
                    f"table.look_up: {look_up.file} has no columns {look_up.key} and "
                    f"{look_up.value}"
                )
            return {row[look_up.key].strip(): row[look_up.value].strip() for row in rows}
    except OSError as error:
        raise ValueError(f"table.look_up: {look_up.file}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error, AttributeError):
        raise ValueError(f"table.look_up: {look_up.file} is no CSV in UTF-8") from None


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
