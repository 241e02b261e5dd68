"""PostgreSQL, straight through asyncpg."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.backend import INSERT, Row, row
from contracts import Action, Event, PlainEvent

# Two writers that take the same rows in the same order can't deadlock.
_WRITE = f"""
    {INSERT}
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[],
        $5::text[], $6::text[], $7::timestamptz[])
    ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - words of ours alone
_READ = """
    SELECT patient_id, medication_name, action, event_time, order_id, event_id
    FROM medication_event
    WHERE patient_id = $1 AND ($2::text[] IS NULL OR medication_name = ANY($2))
"""
_ACTIONS = {action.value: action for action in Action}


class DirectPostgres:
    """A connection of the engine's pool for each call."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def rows(self, events: Iterable[Event], received_at: datetime) -> list[Row]:
        return [row(event, event.event_time, received_at) for event in events]

    async def insert(self, rows: Sequence[Row]) -> None:
        await self._fetch(_WRITE, *map(list, zip(*rows, strict=True)))

    async def events_of(
        self, patient_id: str, medication_names: Collection[str]
    ) -> Sequence[PlainEvent]:
        rows = await self._fetch(_READ, patient_id, [*medication_names] or None)
        return [
            PlainEvent(patient, medication, _ACTIONS[action], time, order or None, event_id or None)
            for patient, medication, action, time, order, event_id in rows
        ]

    async def close(self) -> None:
        """Nothing is held: each call has given its connection back."""

    async def _fetch(self, statement: str, *values: object) -> Iterable[Any]:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            rows: Iterable[Any] = await driver.fetch(statement, *values)
            return rows
