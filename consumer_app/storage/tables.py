"""The tables: events as they were reported, the runs that brought them, and who stores them."""

from datetime import UTC, datetime
from typing import Any, ClassVar, get_type_hints

import msgspec
from pydantic import create_model
from sqlalchemy import BigInteger, DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from contracts import FIELDS, Action, MedicationEvent


def written_time(time: datetime) -> str:
    """Write a time in UTC with all its digits, so that texts sort as times do."""
    text: str = msgspec.to_builtins(time)
    return text if "." in text else f"{text[:-1]}.000000Z"


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC to the microsecond: on SQLite, which has no times, a text of fixed length."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = String() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None or dialect.name != "sqlite":
            return value
        return written_time(value)

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        # PostgreSQL's driver gives times in UTC; infinite ones, of an older version, without it.
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


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


class ActionText(_Text):
    """An action as its word."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Action | None:
        return None if value is None else Action(value)


_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    str: _Text,
    str | None: OptionalText,
    Action: ActionText,
    datetime: UtcTime,
}
_HINTS = get_type_hints(MedicationEvent)

OPTIONAL = tuple(name for name in FIELDS if _HINTS[name] == str | None)
"""The fields that may be absent; the table then holds an empty text."""

# A patient's events lie together, and those of a medication in the order of time.
KEY = ("patient_id", "medication_name", "event_time", "action", *OPTIONAL)
"""All fields of an event, in the order of the table's key."""


class _Table(SQLModel):
    """Events, each of them once, when it first arrived and by which run; in the order of the key.

    ``run`` is 0 where no run is known, else the number of the run that first brought the event;
    negative, once another run has brought it too.
    """

    __tablename__ = "medication_event"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}


_columns: dict[str, Any] = {
    name: (_HINTS[name], Field(primary_key=True, sa_type=_TYPES[_HINTS[name]])) for name in KEY
}
StoredEvent = create_model(
    "StoredEvent",
    __base__=_Table,
    __cls_kwargs__={"table": True},
    **_columns,
    received_at=(datetime, Field(sa_type=UtcTime)),
    run=(int, Field()),
)
TABLE = SQLModel.metadata.tables["medication_event"]


class PublisherRun(SQLModel, table=True):
    """Runs of publishers: a name, and the number that stands for it in the events."""

    __tablename__ = "publisher_run"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=_Text, unique=True)
    first_received_at: datetime = Field(sa_type=UtcTime)
    retracted_at: datetime | None = Field(default=None, sa_type=UtcTime)
    late_events: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


RUNS = SQLModel.metadata.tables["publisher_run"]


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


class SchemaRequirement(SQLModel, table=True):
    """The oldest version of the program that can work on this schema, in the only row."""

    __tablename__ = "schema_requirement"

    oldest_program: str = Field(primary_key=True, sa_type=_Text)


REQUIREMENT = SQLModel.metadata.tables["schema_requirement"]
