"""Patients are found by how their identifiers begin, in both databases by the same order."""

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore
from contracts import Action, MedicationEvent
from local.postgres import PrivatePostgres
from tests.databases import KINDS, PostgresDatabase, SqliteFile, connect
from tests.records import BEGIN

# At the ends of what UTF-8 writes in one, two, three and four bytes, and around halves of pairs.
_LETTERS = "aZ09~é߿ࠀ\ud7ff\ue000\uffee\U00010000\U0010ffff"
_names = st.text(_LETTERS, min_size=1, max_size=4)
_tests = count()


@pytest.fixture(params=KINDS, scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path_factory.mktemp("patients")).url
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return PostgresDatabase(server).url


def start(patient: str) -> MedicationEvent:
    return MedicationEvent(patient, "Heparin", Action.START, BEGIN)


@given(st.sets(_names, min_size=1, max_size=12), _names, st.integers(1, 5))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_prefix_finds_the_first_of_those_that_begin_with_it_and_no_other(
    url: str, names: set[str], prefix: str, limit: int
) -> None:
    own = f"{next(_tests)}-"

    async def stored_and_found() -> list[str]:
        async with EventStore.at(url) as store:
            await store.add([start(own + name) for name in sorted(names)])
            return await store.patients_from(own + prefix, limit)

    expected = sorted(own + name for name in names if name.startswith(prefix))
    assert asyncio.run(stored_and_found()) == expected[:limit]


async def test_behind_the_last_character_there_is_nothing_to_leave_out(url: str) -> None:
    last = "\U0010ffff" * 2
    async with EventStore.at(url) as store:
        await store.add([start(last), start(f"{last}1")])
        assert await store.patients_from(last, 10) == [last, f"{last}1"]


async def search(store: EventStore) -> tuple[str, Any]:
    """Give the statement of a search as it is sent, and its values."""
    sent: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, values: object, *___: object) -> None:
        sent.append((statement, values))

    engine = store._engine.sync_engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    await store.patients_from("0123", 10)
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    # Before it, it may have looked whether the database can be read.
    return sent[-1]


async def test_sqlite_looks_at_no_identifier_but_those_that_begin_so(tmp_path: Path) -> None:
    async with EventStore.at(SqliteFile(tmp_path).url) as store:
        await store.prepare()
        statement, values = await search(store)
        async with store._engine.connect() as connection:
            told = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            [step] = [row.detail for row in told]
    assert step.startswith("SEARCH patient USING COVERING INDEX")
    assert step.endswith("(patient_id>? AND patient_id<?)")


@pytest.fixture
def own_url(postgres: PrivatePostgres) -> str:
    """Give a database of the test's own."""
    return PostgresDatabase(postgres).url


@pytest.mark.parametrize("partitions", [0, 4])
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_nor_does_postgresql_whether_it_knows_the_prefix_when_it_plans_or_not(
    own_url: str, partitions: int, mode: str
) -> None:
    async with EventStore.at(own_url, Terms(partitions=partitions)) as store:
        await store.add([start(f"{number:05}") for number in range(20_000)])
        statement, values = await search(store)
    watching = await connect(own_url)
    await watching.execute("ANALYZE patient")
    await watching.execute(f"SET plan_cache_mode = {mode}")
    await watching.execute(f"PREPARE search AS {statement}")
    given = ", ".join(map(repr, values))
    told = await watching.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE search({given})")
    await watching.close()
    [explained] = json.loads(told)
    limit = explained["Plan"]
    [scan] = limit["Plans"]
    assert limit["Node Type"] == "Limit"
    assert scan["Node Type"] in {"Index Only Scan", "Index Scan"}
    assert scan["Index Cond"].count("patient_id") == 2
