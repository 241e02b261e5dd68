"""The store of events: appends durably, reads a patient's events back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
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
    text,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from consumer_app.storage.backend import DRIVER_ERRORS, DirectDatabase, Row
from consumer_app.storage.batching import SharedTrips
from consumer_app.storage.database import migrate, open_database
from consumer_app.storage.postgres import DirectPostgres
from consumer_app.storage.sqlite import DirectSqlite
from consumer_app.storage.tables import StoredEvent
from contracts import Action, Event, EventId, EventTime, MedicationEvent, MedicationName, OrderId

logger = logging.getLogger(__name__)

_TABLE = SQLModel.metadata.tables[StoredEvent.__tablename__]
_COLUMNS = tuple(_TABLE.columns)
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

    def __init__(self, engine: AsyncEngine, partitions: int = 0) -> None:
        """``partitions`` is for a database that has no table yet: see ``migrate``."""
        self._engine = engine
        self._partitions = partitions
        self._direct: DirectDatabase = (
            DirectSqlite(engine) if engine.dialect.name == "sqlite" else DirectPostgres(engine)
        )
        self._commits = SharedTrips(self._insert)
        self._migration = asyncio.Lock()
        self._migrated = False
        self._write_trouble: str | None = None

    @classmethod
    def at(cls, url: str, partitions: int = 0) -> Self:
        """Make the store for a database URL; ``async with`` opens it."""
        return cls(open_database(url), partitions)

    async def __aenter__(self) -> Self:
        # A database that is away must not keep the service from starting.
        if problem := await self.trouble():
            logger.warning("%s", problem)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._direct.close()
        await self._engine.dispose()

    async def add(self, events: Sequence[Event]) -> None:
        """Store events durably; one that is there already changes nothing.

        Goes on trying for as long as the database is away, locked or full.
        """
        if events:
            await self._commits.take(self._direct.rows(events, datetime.now(UTC)))

    async def events_of(
        self, patient_id: str, medication_names: Collection[str] = ()
    ) -> Sequence[Event]:
        """Read a patient's events, of all medications or of those named, in no set order."""
        with _named_trouble("read"):
            await self._migrate()
            return await self._direct.events_of(patient_id, medication_names)

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

    async def partitions(self) -> int:
        """Count the partitions of the table, in PostgreSQL."""
        counting = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'medication_event'::regclass"
        with _named_trouble("read"):
            async with self._engine.connect() as connection:
                count: int = await connection.scalar(text(counting))
                return count

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
                await migrate(self._engine, self._partitions)
                self._migrated = True

    async def _insert(self, rows: Sequence[Row]) -> None:
        async for attempt in stamina.retry_context(
            DatabaseUnavailable, attempts=None, timeout=None
        ):
            with attempt:
                await self._insert_once(rows)

    async def _insert_once(self, rows: Sequence[Row]) -> None:
        try:
            with _named_trouble("written"):
                await self._migrate()
                await self._direct.insert(rows)
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
    except (SQLAlchemyError, *DRIVER_ERRORS, OSError) as error:
        # SQLAlchemy's own text would repeat the statement, PostgreSQL's further lines the row.
        words = str(getattr(error, "orig", None) or error).splitlines()
        cause = words[0] if words else type(error).__name__
        raise DatabaseUnavailable(f"the database can't be {what}: {cause}") from error
