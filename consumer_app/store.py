"""The store of events: appends durably, reads a patient's events back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Self

import stamina
from pydantic import Field
from sqlalchemy import (
    ColumnElement,
    Delete,
    RowMapping,
    Select,
    and_,
    delete,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from consumer_app.commits import GroupCommit
from consumer_app.database import migrate, open_database
from consumer_app.tables import StoredEvent, microseconds
from contracts import Action, EventId, EventTime, MedicationEvent, MedicationName, OrderId

logger = logging.getLogger(__name__)

_TABLE = SQLModel.metadata.tables[StoredEvent.__tablename__]
_COLUMNS = tuple(_TABLE.columns)
_INSERTS: dict[str, Callable[[Any], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_HISTORY = (
    _TABLE.c.patient_id,
    _TABLE.c.medication_name,
    _TABLE.c.order_id,
)
_PAGE_ORDER = (
    _TABLE.c.event_time,
    _TABLE.c.medication_name,
    _TABLE.c.action,
    _TABLE.c.order_id,
    _TABLE.c.event_id,
)

_PATIENTS_AT_ONCE = 1_000


class PageKey(NamedTuple):
    """Where a page of one patient's events ends; pages are in this order."""

    event_time: EventTime
    medication_name: MedicationName
    action: Action
    order_id: OrderId | None
    event_id: EventId | None


class HistoryKey(NamedTuple):
    """A patient's medication and order."""

    patient_id: str
    medication_name: str
    order_id: str | None


class ReceivedEvent(MedicationEvent):
    """An event as it is stored."""

    received_at: Annotated[datetime, Field(description="When it first arrived, in UTC.")]


class DatabaseUnavailable(Exception):
    """The database can't be read or written now; the text says why and holds no parameters."""


class EventStore:
    """Medication events in a database, each of them once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._commits = GroupCommit(self._insert)
        self._migration = asyncio.Lock()
        self._migrated = False
        self._write_trouble: str | None = None
        dialect = engine.dialect
        insert = _INSERTS[dialect.name](_TABLE).on_conflict_do_nothing()
        self._insert_statement = str(insert.compile(dialect=dialect))
        self._to_database: Callable[[datetime], object] = (
            microseconds if dialect.name == "sqlite" else lambda time: time
        )

    @classmethod
    def at(cls, url: str) -> Self:
        """Make the store for a database URL; ``async with`` opens it."""
        return cls(open_database(url))

    async def __aenter__(self) -> Self:
        # A database that is away must not keep the service from starting.
        if problem := await self.trouble():
            logger.warning("%s", problem)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    async def add(self, events: Sequence[MedicationEvent]) -> None:
        """Store events durably; one that is there already changes nothing.

        Goes on trying for as long as the database is away, locked or full.
        """
        if events:
            received_at = self._to_database(datetime.now(UTC))
            await self._commits.add([self._row(event, received_at) for event in events])

    async def events_of(
        self, patient_id: str, medication_names: Collection[str] = ()
    ) -> list[MedicationEvent]:
        """Read a patient's events, of all medications or of those named, in no set order."""
        statement = select(*_COLUMNS).where(_TABLE.c.patient_id == patient_id)
        if medication_names:
            statement = statement.where(_TABLE.c.medication_name.in_(medication_names))
        return [MedicationEvent.model_construct(**row) for row in await self._read(statement)]

    async def page_of(
        self, patient_id: str, limit: int, after: PageKey | None = None
    ) -> list[ReceivedEvent]:
        """Read up to ``limit`` of a patient's events in time order, from behind ``after``."""
        statement = select(*_COLUMNS).where(_TABLE.c.patient_id == patient_id)
        if after is not None:
            key = (
                literal(value, column.type)
                for value, column in zip(after, _PAGE_ORDER, strict=True)
            )
            statement = statement.where(tuple_(*_PAGE_ORDER) > tuple_(*key))
        rows = await self._read(statement.order_by(*_PAGE_ORDER).limit(limit))
        return [ReceivedEvent.model_construct(**row) for row in rows]

    async def patients_before(self, before: datetime) -> AsyncIterator[str]:
        """Yield the patients that have an event before a time, in order.

        They are read in parts: a read that lasts keeps the database from reusing its log.
        """
        column = _TABLE.c.patient_id
        patients = (
            select(column)
            .group_by(column)
            .having(func.min(_TABLE.c.event_time) < before)
            .order_by(column)
            .limit(_PATIENTS_AT_ONCE)
        )
        part = await self._read(patients)
        while part:
            for row in part:
                yield row[column]
            part = await self._read(patients.where(column > part[-1][column]))

    async def delete(self, histories: Mapping[HistoryKey, int]) -> Collection[HistoryKey]:
        """Delete histories that hold so many events; return which were deleted.

        One that has grown meanwhile stays: what has come may have changed its periods.
        """
        with _named_trouble("written"):
            async with self._engine.begin() as connection:
                return [
                    key
                    for key, events in histories.items()
                    if (await connection.execute(_deletion(key, events))).rowcount
                ]

    async def trouble(self) -> str | None:
        """Say why events can't be stored or read now, or None."""
        if self._write_trouble is not None:
            return self._write_trouble
        try:
            await self._read(select(*_COLUMNS).limit(1))
        except DatabaseUnavailable as error:
            return str(error)
        return None

    async def _read(self, statement: Select[Any]) -> Sequence[RowMapping]:
        with _named_trouble("read"):
            await self._migrate()
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                result = await connection.execute(statement)
                rows: Sequence[RowMapping] = result.mappings().all()
                return rows

    async def _migrate(self) -> None:
        async with self._migration:
            if not self._migrated:
                await migrate(self._engine)
                self._migrated = True

    def _row(self, event: MedicationEvent, received_at: object) -> tuple[object, ...]:
        """Write an event as the table's columns; by hand, as every stored event passes here."""
        return (
            event.patient_id,
            event.medication_name,
            self._to_database(event.event_time),
            event.action.value,
            event.order_id or "",
            event.event_id or "",
            received_at,
        )

    async def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        async for attempt in stamina.retry_context(
            DatabaseUnavailable, attempts=None, timeout=None
        ):
            with attempt:
                await self._insert_once(rows)

    async def _insert_once(self, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            with _named_trouble("written"):
                await self._migrate()
                async with self._engine.begin() as connection:
                    await connection.exec_driver_sql(self._insert_statement, list(rows))
        except DatabaseUnavailable as error:
            self._write_trouble = str(error)
            raise
        self._write_trouble = None


def _deletion(history: HistoryKey, events: int) -> Delete:
    count = select(func.count()).select_from(_TABLE).where(_is(history))
    return delete(_TABLE).where(_is(history), count.scalar_subquery() == events)


def _is(history: HistoryKey) -> ColumnElement[bool]:
    # The key's columns are bound as such, which turns an absent order into the key's "".
    pairs = zip(_HISTORY, history, strict=True)
    return and_(*(column == literal(value, column.type) for column, value in pairs))


@contextmanager
def _named_trouble(what: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        # SQLAlchemy's own text would repeat the statement.
        cause = getattr(error, "orig", None) or error
        raise DatabaseUnavailable(f"the database can't be {what}: {cause}") from error
