"""What is stored or read of one patient touches one partition: so patients can be spread.

PostgreSQL itself tells of each statement, as it was sent, how it was carried out (its module
``auto_explain``). What goes over all patients goes over all partitions, and is for operators:
``database purge`` looks for patients with old events, ``database runs`` and ``retract`` look at one
span of patients after the other, and behind a purge and a retraction those are looked for who have
no event any more. Each history that a purge deletes is one patient's again.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.schema import Terms
from consumer_app.storage.store import PAGE_ORDER, EventStore, HistoryKey, HistorySize
from contracts import RecordVersion
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, connect
from tests.runs import event

PARTITIONS = 16
TABLES = ("event", "record_event")
EVENT = event("p", 0)
PATIENT = EVENT.patient_id
OTHERS = [replace(EVENT, patient_id=f"other {number}") for number in range(200)]

Plan = dict[str, Any]
Touched = list[set[str]]
"""The partitions that were looked into, by each statement that was about events."""


@pytest.fixture
def url(postgres: PrivatePostgres) -> str:
    """Give a database that tells its clients how it carries out what they send."""
    database = PostgresDatabase(postgres)
    settings = {
        "session_preload_libraries": "auto_explain",
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_analyze": "on",
        "auto_explain.log_format": "json",
        "auto_explain.log_level": "notice",
    }
    name = database.url.rpartition("/")[2]
    asyncio.run(
        execute(
            database.url, *(f"ALTER DATABASE {name} SET {k} = {v}" for k, v in settings.items())
        )
    )
    return database.url


async def execute(url: str, *statements: str) -> list[Any]:
    """Execute statements as another program would; return the rows of the last one."""
    connection = await connect(url)
    rows: list[Any] = []
    for statement in statements:
        rows = await connection.fetch(statement)
    await connection.close()
    return rows


class Plans:
    """What PostgreSQL tells of the statements of an engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._told: list[Plan] = []
        sqlalchemy.event.listen(engine.sync_engine, "connect", self._listen)

    def _listen(self, connection: Any, _: object) -> None:  # noqa: ANN401 - has no types
        connection.driver_connection.add_log_listener(self._hear)

    def _hear(self, _: object, message: Any) -> None:  # noqa: ANN401 - has no types
        _, plan, told = message.message.partition("plan:\n")
        if plan:
            self._told.append(json.loads(told))

    def take(self) -> Touched:
        """Return what the statements about events have touched since it was asked last."""
        told, self._told = self._told, []
        nodes = [[*nodes_of(plan["Plan"])] for plan in told]
        return [
            {name for name, loops in each if name not in TABLES and loops} for each in nodes if each
        ]


def nodes_of(plan: Plan) -> Iterator[tuple[str, int]]:
    """Yield the steps of a plan that are about the tables of events, or one of their partitions.

    Of each how often it was done: not at all where it was seen in time that it is another one's.
    """
    name: str = plan.get("Relation Name", "")
    if name.startswith(TABLES):
        yield name, plan["Actual Loops"]
    for step in plan.get("Plans", ()):
        yield from nodes_of(step)


async def rows_of_partitions(url: str) -> Counter[str]:
    counting = "SELECT tableoid::regclass::text AS name, count(*) FROM event GROUP BY 1"
    return Counter({row["name"]: row["count"] for row in await execute(url, counting)})


async def test_what_is_stored_and_read_of_a_patient_touches_one_partition(url: str) -> None:
    async with EventStore.at(url, Terms(partitions=PARTITIONS)) as store:
        plans = Plans(store._engine)
        await store.add(OTHERS)
        others = await rows_of_partitions(url)
        assert len(others) == PARTITIONS
        plans.take()

        # A row finds its partition by itself: nothing is looked for in any, neither before the new
        # names have numbers nor then.
        await store.add([EVENT], "monday")
        assert plans.take() == [set(), set()]
        ((own, rows),) = (await rows_of_partitions(url) - others).items()
        assert rows == 1
        await store.add([EVENT], "tuesday")
        assert plans.take() == [set()]

        for read in READINGS:
            await read(store)
            (touched,) = plans.take()
            # Where one of the tables shows enough, the other is not looked into.
            assert {own} <= touched <= {own, f"record_{own}"}

        assert await store.delete(
            {HistoryKey(PATIENT, EVENT.medication_name, None): HistorySize(1)}
        )
        assert plans.take() == [{own, f"record_{own}"}] * 2
        assert await rows_of_partitions(url) == others


async def test_so_do_events_of_records(url: str) -> None:
    async with EventStore.at(url, Terms(partitions=PARTITIONS)) as store:
        plans = Plans(store._engine)
        await store.add([RecordVersion(f"r/{n}", "1", [each]) for n, each in enumerate(OTHERS)])
        await store.add([RecordVersion("r", "1", [EVENT])])
        ((own,),) = await execute(
            url,
            "SELECT record_event.tableoid::regclass::text FROM record_event"
            f" JOIN patient ON patient = number WHERE patient_id = '{PATIENT}'",
        )
        plans.take()

        for read in OF_BOTH_KINDS:
            await read(store)
            assert plans.take() == [{own, own.removeprefix("record_")}]

        key = HistoryKey(PATIENT, EVENT.medication_name, None)
        assert await store.delete({key: HistorySize(0, 1, 1)}) == [key]
        assert plans.take() == [{own, own.removeprefix("record_")}] * 2


async def test_readiness_asks_one_partition(url: str) -> None:
    async with EventStore.at(url, Terms(partitions=PARTITIONS)) as store:
        plans = Plans(store._engine)
        assert await store.problem() is None
        (asked,) = plans.take()
        assert len(asked) == 1


async def walk(store: EventStore, *medications: str) -> None:
    assert [part.events async for part in store.medications(PATIENT, medications)] == [[EVENT]]


OF_BOTH_KINDS: list[Callable[[EventStore], Awaitable[object]]] = [
    lambda store: store.read(PATIENT),
    lambda store: store.read_arrived(PATIENT),
    lambda store: store.newest(PATIENT),
    lambda store: store.read_page(PATIENT, 10),
    lambda store: store.events_of(PATIENT),
]
READINGS: list[Callable[[EventStore], Awaitable[object]]] = [
    *OF_BOTH_KINDS,
    lambda store: store.read(PATIENT, [EVENT.medication_name]),
    lambda store: store.read_page(PATIENT, 10, tuple(getattr(EVENT, n, "") for n in PAGE_ORDER)),
    walk,
    lambda store: walk(store, EVENT.medication_name),
    lambda store: store.has_more_than(0, PATIENT),
    lambda store: store.has_more_than(0, PATIENT, [EVENT.medication_name]),
]
