"""PostgreSQL, straight through asyncpg."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.backend import COLUMNS, INSERT, ON_CONFLICT, Numbers, Row, row
from consumer_app.storage.tables import KEY, OPTIONAL, RUNS, TABLE
from contracts import FIELDS, Action, MedicationEvent

_TYPES = {"event_time": "timestamptz", "received_at": "timestamptz", "run": "int"}
_ARRAYS = ", ".join(
    f"${number}::{_TYPES.get(name, 'text')}[]" for number, name in enumerate(COLUMNS, start=1)
)
_GIVEN = ", ".join(f"coalesce({name}, '')" if name in OPTIONAL else name for name in COLUMNS)
_KNOWN_NAMES, _KNOWN_NUMBERS = (f"${len(COLUMNS) + place}" for place in (1, 2))
# The lock makes a retraction wait for what is being stored of the run, and shows what comes behind
# it that it was. Two writers that take the same rows in the same order can't deadlock.
_WRITE = f"""
    WITH found AS (
        SELECT FROM {RUNS}
        JOIN unnest({_KNOWN_NAMES}::text[], {_KNOWN_NUMBERS}::int[]) AS known(name, id)
        USING (name, id)
        WHERE retracted_at IS NULL FOR SHARE OF {RUNS}
    ), as_expected AS (
        SELECT count(*) = cardinality({_KNOWN_NAMES}) AS it_is FROM found
    ), written AS (
        {INSERT}
        SELECT {_GIVEN} FROM unnest({_ARRAYS}) AS given({", ".join(COLUMNS)})
        WHERE (SELECT it_is FROM as_expected)
        ORDER BY {", ".join(str(place) for place, _ in enumerate(KEY, start=1))}
        {ON_CONFLICT}
    )
    SELECT it_is FROM as_expected
"""  # noqa: S608 - words of ours alone
# An older version stored times at the ends of Python's as infinite ones, which come back without
# their zone.
_READ_AS = {
    "event_time": "greatest('0001-01-01T00:00Z', least(event_time, '9999-12-31T23:59:59.999999Z'))",
    **{name: f"nullif({name}, '')" for name in OPTIONAL},
}
_STORED = ", ".join(_READ_AS.get(name, name) for name in FIELDS)
_READ = f"SELECT {_STORED} FROM {TABLE} WHERE patient_id = ANY($1)"  # noqa: S608 - ours too
_ACTIONS = {action.value: action for action in Action}


class PostgresBackend:
    """A connection of the engine's pool for each call."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def rows(
        self, events: Iterable[MedicationEvent], received_at: datetime, run: str | None
    ) -> list[Row]:
        return [row(event, event.event_time, received_at, run) for event in events]

    async def insert(self, rows: Sequence[Row], numbers: Numbers) -> Sequence[Row]:
        # A statement can't change a row twice.
        columns = map(list, zip(*_each_once(rows, numbers), strict=True))
        runs = {run: number for run, number in numbers.items() if run is not None}
        [[stored]] = await self._fetch(_WRITE, *columns, [*runs], [*runs.values()])
        return [] if stored else rows

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


def _each_once(rows: Iterable[Row], numbers: Numbers) -> Iterable[list[Any]]:
    """Give rows the numbers of their runs, and make equal events one: see ``tables``."""
    events: dict[Row, list[Any]] = {}
    for each in rows:
        number = numbers[each[-1]]
        first = events.setdefault(each[: len(KEY)], [*each[:-1], number])
        if abs(first[-1]) != number:
            first[-1] = -abs(first[-1])
    return events.values()
