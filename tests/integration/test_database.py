"""The databases: their schema, and SQLite among several programs, where writes wait their turn."""

import asyncio
import logging
import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from consumer_app.rules.periods import medication_periods
from consumer_app.storage.database import migrate, open_database
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
from contracts import MedicationEvent, explain_event
from local.postgres import PrivatePostgres
from tests.databases import KINDS, PostgresDatabase
from tests.processes import run_together
from tests.schemas import differences

EVENT = explain_event(
    {
        "patient_id": "1",
        "medication_name": "Heparin",
        "action": "start",
        "event_time": "2021-01-01T00:00:00Z",
    }
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def store(file: Path) -> EventStore:
    return EventStore.at(f"sqlite+aiosqlite:///{file}")


async def stored(store: EventStore) -> list[MedicationEvent]:
    return list(await store.events_of(EVENT.patient_id))


def _lock_for(seconds: float, file: Path) -> None:
    """Hold the write lock for some time, from now on."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    threading.Timer(seconds, connection.close).start()


async def test_a_write_waits_for_another_program_that_writes(
    file: Path, store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    async with store:
        assert await store.problem() is None, "the file is made by then"
        _lock_for(1, file)
        with caplog.at_level(logging.WARNING):
            await store.add([EVENT])

        assert await stored(store) == [EVENT]
        assert caplog.text == "", "it was waited for, not tried again"


async def test_a_deletion_that_reads_first_waits_for_another_program_that_writes(
    file: Path, store: EventStore
) -> None:
    """A reader that turns writer gets "database is locked" at once (aiosqlite#251)."""
    async with store:
        await store.add([EVENT])
        _lock_for(1, file)

        key = HistoryKey("1", "Heparin", None)
        assert await store.delete({key: HistorySize(1)}) == [key]
        assert await stored(store) == []


@pytest.fixture(params=KINDS)
def either_url(request: pytest.FixtureRequest, file: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{file}"
    return PostgresDatabase(request.getfixturevalue("postgres")).url


def serve(url: str) -> None:
    """Store an event and read it, as a consumer that has just started does."""

    async def store_one() -> None:
        async with EventStore.at(url) as store:
            await store.add([EVENT])
            assert await stored(store) == [EVENT]
            assert await store.problem() is None

    asyncio.run(store_one())


def test_processes_that_open_one_new_file_together_take_turns(file: Path) -> None:
    assert run_together(serve, f"sqlite+aiosqlite:///{file}", processes=4) == [0, 0, 0, 0]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
@pytest.mark.fault("times of the years 1 and 9999, stored by 1.0.0")
async def test_a_time_at_the_ends_of_time_that_an_older_version_stored_is_read(
    either_url: str, time: str
) -> None:
    """PostgreSQL's driver writes these two as infinite times."""
    both = [EVENT, replace(EVENT, event_time=datetime.fromisoformat(time))]
    first, last = sorted(event.event_time for event in both)
    async with EventStore.at(either_url) as store:
        await store.add(both)

        found = medication_periods(await stored(store), merge_gap=timedelta(30))
        assert [period.start for period in found.periods] == [first]
        assert [anomaly.event.event_time for anomaly in found.anomalies] == [last]
        page = await store.read_page(EVENT.patient_id, 10)
        assert [event.event_time for event in page.events] == [first, last]
        assert await store.problem() is None


async def test_patients_that_are_asked_for_together_get_their_own_events(
    store: EventStore,
) -> None:
    patients = ["1", "2", 'quo"ted', "back\\slash", "ümlaut 💊", "[]", "{}", "null"]
    events = [
        replace(EVENT, patient_id=patient, medication_name=medication)
        for patient in patients
        for medication in ("Heparin", "Insulin")
    ]
    async with store:
        await store.add(events)
        asked = [(patient, ()) for patient in [*patients, "unknown", "1"]]
        named = [(patient, ("Insulin", "Aspirin")) for patient in patients]
        found = await asyncio.gather(*(store.read(*each) for each in [*asked, *named]))

    for (patient, medications), (got, _) in zip([*asked, *named], found, strict=True):
        assert {(event.patient_id, event.medication_name) for event in got} == {
            (event.patient_id, event.medication_name)
            for event in events
            if event.patient_id == patient
            and (not medications or event.medication_name in medications)
        }


@pytest.fixture
def postgres_url(postgres: PrivatePostgres) -> str:
    return PostgresDatabase(postgres).url


async def test_postgresql_is_migrated_to_the_schema_of_the_tables(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    await migrate(engine)
    try:
        assert await differences(engine) == []
    finally:
        await engine.dispose()
