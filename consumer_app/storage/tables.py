"""The tables: events as they were reported, the runs that brought them, and who stores them.

Patients and medications stand once each; in the events are their numbers, which are known to the
storage alone. Events of records have tables of their own, so that others take no room for it. The
view ``medication_event`` shows the events of both kinds in words.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, get_type_hints

from pydantic import create_model
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, SmallInteger, String
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from contracts import FIELDS, Action, MedicationEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

ACTIONS = (Action.START, Action.STOP, Action.CANCEL_START, Action.CANCEL_STOP)
"""The actions in the order of the numbers that stand for them, from 0."""
NUMBER_OF_ACTION = {action: number for number, action in enumerate(ACTIONS)}


def microseconds(time: datetime) -> int:
    """Write a time as SQLite has it: in microseconds since 1970, in UTC."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(microseconds_: int) -> datetime:
    """Read what ``microseconds`` has written.

    Raises:
        OverflowError: it is no time that Python has.

    """
    return _EPOCH + timedelta(0, 0, microseconds_)


# SQLite divides towards zero, and a remainder has the sign of what is divided.
_PARTS = "({0} % 1000000 + 1000000) % 1000000"
TIME_IN_WORDS = (
    f"strftime('%Y-%m-%dT%H:%M:%S', ({{0}} - {_PARTS}) / 1000000, 'unixepoch')"
    f" || '.' || substr(1000000 + {_PARTS}, 2) || 'Z'"
)
"""What makes of SQLite's microseconds in ``{0}`` a time as RFC 3339 has it."""


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC to the microsecond: on SQLite, which has no times, in microseconds."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any]
        kind = BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None or dialect.name != "sqlite":
            return value
        return microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401
        if value is None:
            return None
        if isinstance(value, datetime):
            # PostgreSQL's driver gives times in UTC, infinite ones without it.
            return value.replace(tzinfo=UTC)
        try:
            return time_of(value)
        except (OverflowError, TypeError) as error:
            raise ValueError("no time") from error


class _Text(TypeDecorator[Any]):
    """Text that PostgreSQL compares by its bytes, as SQLite does: fast, and in no locale."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(collation=collation))


class OptionalText(_Text):
    """Text that may be absent and yet is part of a key, where NULL would equal nothing."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str:
        return value or ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value or None


class ActionNumber(TypeDecorator[Any]):
    """An action as its number."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Action | None, dialect: Dialect) -> int | None:
        return None if value is None else NUMBER_OF_ACTION[value]

    def process_result_value(self, value: Any, dialect: Dialect) -> Action | None:  # noqa: ANN401
        if value is None:
            return None
        if value not in range(len(ACTIONS)):
            raise ValueError("no action has such a number")
        return ACTIONS[value]


class Patient(SQLModel, table=True):
    """Patients: an identifier, and the number that stands for it in the events."""

    __tablename__ = "patient"

    number: int | None = Field(default=None, primary_key=True)
    patient_id: str = Field(sa_type=_Text, unique=True)


class Medication(SQLModel, table=True):
    """Medications: a name, and the number that stands for it in the events."""

    __tablename__ = "medication"

    number: int | None = Field(default=None, primary_key=True)
    medication_name: str = Field(sa_type=_Text, unique=True)


class SourceRecord(SQLModel, table=True):
    """Records of sources: the digest of an identifier, and the number that stands for it.

    The identifier itself is there while there are events of the record, and may be NULL where there
    are none. The row stays, and with it the versions: one that comes late is found to be late.
    """

    __tablename__ = "record"

    number: int | None = Field(default=None, primary_key=True)
    digest: str = Field(sa_type=_Text, unique=True)
    record_id: str | None = Field(sa_type=_Text)


def digest_of(record_id: str) -> str:
    """Make the digest by which a record is found: SHA-256 of its identifier, in hexadecimal."""
    return sha256(record_id.encode()).hexdigest()


PATIENTS = SQLModel.metadata.tables["patient"]
MEDICATIONS = SQLModel.metadata.tables["medication"]
RECORDS = SQLModel.metadata.tables["record"]

_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    int: Integer,
    str | None: OptionalText,
    Action: ActionNumber,
    datetime: UtcTime,
}
_HINTS = get_type_hints(MedicationEvent)

OPTIONAL = tuple(name for name in FIELDS if _HINTS[name] == str | None)
"""The fields that may be absent; the table then holds an empty text."""

NUMBERED = {"patient_id": "patient", "medication_name": "medication"}
"""The fields that are numbers in the table, by which name there."""

# A patient's events lie together, and those of a medication in the order of time.
FIELDS_IN_KEY = (*NUMBERED, "event_time", "action", *OPTIONAL)
"""All fields of an event, in the order of the table's key."""


class _Table(SQLModel):
    """Events, each of them once, when it first arrived and by which run; in the order of the key.

    ``run`` is 0 where no run is known, else the number of the run that first brought the event;
    negative, once another run has brought it too.
    """

    __tablename__ = "event"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}


class _TableOfRecords(SQLModel):
    """Events of versions of records, likewise: whichever version counts, all of them stay."""

    __tablename__ = "record_event"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}


_kinds: dict[str, Any] = {
    NUMBERED.get(name, name): int if name in NUMBERED else _HINTS[name] for name in FIELDS_IN_KEY
}
KEY = tuple(_kinds)
_columns: dict[str, Any] = {
    name: (kind, Field(primary_key=True, sa_type=_TYPES[kind])) for name, kind in _kinds.items()
}
StoredEvent = create_model(
    "StoredEvent",
    __base__=_Table,
    __cls_kwargs__={"table": True},
    **_columns,
    received_at=(datetime, Field(sa_type=UtcTime)),
    run=(int, Field()),
)
EVENTS = SQLModel.metadata.tables["event"]


RecordEvent = create_model(
    "RecordEvent",
    __base__=_TableOfRecords,
    __cls_kwargs__={"table": True},
    **_columns,
    record=(int, Field(primary_key=True, sa_type=Integer)),
    version=(str, Field(primary_key=True, sa_type=_Text)),
    received_at=(datetime, Field(sa_type=UtcTime)),
    run=(int, Field()),
)
RECORD_EVENTS = SQLModel.metadata.tables["record_event"]


class VersionOfRecord(SQLModel, table=True):
    """Versions of records, those without events too: of a record the highest counts.

    Nothing but the retraction of its run takes one away, neither a purge nor an erasure: so an
    older version that comes late finds its place below.
    """

    __tablename__ = "record_version"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}

    record: int = Field(primary_key=True, sa_type=Integer)
    version: str = Field(primary_key=True, sa_type=_Text)
    received_at: datetime = Field(sa_type=UtcTime)
    run: int = Field()


RECORD_VERSIONS = SQLModel.metadata.tables["record_version"]


class PublisherRun(SQLModel, table=True):
    """Runs of publishers: a name, and the number that stands for it in the events."""

    __tablename__ = "publisher_run"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=_Text, unique=True)
    first_received_at: datetime = Field(sa_type=UtcTime)
    retracted_at: datetime | None = Field(default=None, sa_type=UtcTime)
    late_events: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


RUNS = SQLModel.metadata.tables["publisher_run"]


class RunSource(SQLModel, table=True):
    """Who brought something of a run, or from where: each once, since when it first arrived."""

    __tablename__ = "run_source"

    run: int = Field(primary_key=True, sa_type=Integer)
    source: str = Field(primary_key=True, sa_type=_Text)
    first_received_at: datetime = Field(sa_type=UtcTime)


RUN_SOURCES = SQLModel.metadata.tables["run_source"]


class RunsKept(SQLModel, table=True):
    """When the last arrived that was stored before runs were kept: no row where none was."""

    __tablename__ = "runs_kept"

    since: datetime = Field(primary_key=True, sa_type=UtcTime)


RUNS_KEPT = SQLModel.metadata.tables["runs_kept"]


class Consumer(SQLModel, table=True):
    """Consumers, each with a row of its own that every commit of its events changes.

    So no commit is without a write, not even one of events that are there already: it returns once
    the log is on the disk, or at a standby, up to its own write, and with it all that was before.
    """

    __tablename__ = "consumer"

    id: str = Field(primary_key=True, sa_type=_Text)
    last_received_at: datetime = Field(sa_type=UtcTime)
    commits: int = Field(sa_type=BigInteger)


CONSUMERS = SQLModel.metadata.tables["consumer"]


class Numbering(SQLModel, table=True):
    """How often numbers of patients were given up, in the only row.

    Who stores on PostgreSQL holds a share lock on it, and sees by it whether numbers hold.
    """

    __tablename__ = "numbering"

    given_up: int = Field(primary_key=True, sa_type=BigInteger)


NUMBERING = SQLModel.metadata.tables["numbering"]


class SchemaRequirement(SQLModel, table=True):
    """The oldest version of the program that can work on this schema, in the only row."""

    __tablename__ = "schema_requirement"

    oldest_program: str = Field(primary_key=True, sa_type=_Text)


REQUIREMENT = SQLModel.metadata.tables["schema_requirement"]
