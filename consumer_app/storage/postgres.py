"""PostgreSQL, straight through asyncpg."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.backend import COLUMNS, INSERT, Row, row
from consumer_app.storage.tables import KEY, OPTIONAL, TABLE
from contracts import FIELDS, Action, MedicationEvent

_ARRAYS = ", ".join(
    f"${number}::{'timestamptz' if name in {'event_time', 'received_at'} else 'text'}[]"
    for number, name in enumerate(COLUMNS, start=1)
)
_GIVEN = ", ".join(f"coalesce({name}, '')" if name in OPTIONAL else name for name in COLUMNS)
# Two writers that take the same rows in the same order can't deadlock.
_WRITE = f"""
    {INSERT}
    SELECT {_GIVEN} FROM unnest({_ARRAYS}) AS given({", ".join(COLUMNS)})
    ORDER BY {", ".join(str(place) for place, _ in enumerate(KEY, start=1))}
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - words of ours alone
_STORED = ", ".join(f"nullif({name}, '')" if name in OPTIONAL else name for name in FIELDS)
_READ = f"SELECT {_STORED} FROM {TABLE} WHERE patient_id = ANY($1)"  # noqa: S608 - ours too
_ACTIONS = {action.value: action for action in Action}


class PostgresBackend:
    """A connection of the engine's pool for each call."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def rows(self, events: Iterable[MedicationEvent], received_at: datetime) -> list[Row]:
        return [row(event, event.event_time, received_at) for event in events]

    async def insert(self, rows: Sequence[Row]) -> None:
        await self._fetch(_WRITE, *map(list, zip(*rows, strict=True)))

    async def read(self, patient_ids: Collection[str]) -> Mapping[str, list[MedicationEvent]]:
        found: defaultdict[str, list[MedicationEvent]] = defaultdict(list)
        for patient_id, medication_name, action, *others in await self._fetch(
            _READ, [*set(patient_ids)]
        ):
            event = MedicationEvent(patient_id, medication_name, _ACTIONS[action], *others)
            found[patient_id].append(event)
        return found

    async def close(self) -> None:
        """Nothing is held: each call has given its connection back."""

    async def _fetch(self, statement: str, *values: object) -> Iterable[Any]:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            rows: Iterable[Any] = await driver.fetch(statement, *values)
            return rows
