"""The one table: events as they were reported, append-only."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from contracts import Action


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
        return value.astimezone(UTC) if isinstance(value, datetime) else None


class OptionalKey(TypeDecorator[str]):
    """Text that may be absent and yet is part of a key, where NULL would equal nothing."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str:
        return value or ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value or None


class ActionText(TypeDecorator[Action]):
    """An action as its word."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Action | None, dialect: Dialect) -> str | None:
        return value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Action | None:
        return None if value is None else Action(value)


class StoredEvent(SQLModel, table=True):
    """An event and when it first arrived.

    All six fields are the key: the same event can't be there twice, and as the table is stored
    in the order of its key, a patient's events lie together.
    """

    __tablename__ = "medication_event"
    __table_args__: ClassVar = {"sqlite_with_rowid": False}

    patient_id: str = Field(primary_key=True)
    medication_name: str = Field(primary_key=True)
    event_time: datetime = Field(primary_key=True, sa_type=UtcTime)
    action: Action = Field(primary_key=True, sa_type=ActionText)
    order_id: str | None = Field(default=None, primary_key=True, sa_type=OptionalKey)
    event_id: str | None = Field(default=None, primary_key=True, sa_type=OptionalKey)
    received_at: datetime = Field(sa_type=UtcTime)
