"""Numbers stand for names in the events, whoever gives them out, and whoever gives them up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.database import open_database
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
from consumer_app.upkeep.retention import Purged, purge_histories
from contracts import MedicationEvent, explain_event
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, SqliteFile

BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
LATER = BEGIN + timedelta(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path).url
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return PostgresDatabase(server).url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_database(url)
    yield engine
    await engine.dispose()


def event(patient: str, medication: str = "Heparin", action: str = "start") -> MedicationEvent:
    return explain_event(
        {
            "patient_id": patient,
            "medication_name": medication,
            "action": action,
            "event_time": BEGIN.isoformat(),
        }
    )


async def all_of(engine: AsyncEngine, statement: str) -> Sequence[tuple[object, ...]]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def test_consumers_that_meet_the_same_names_at_once_give_each_one_number(
    url: str, engine: AsyncEngine
) -> None:
    events = [event(f"p{n % 200}", f"Medication {n}") for n in range(600)]
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.prepare()
        await other.prepare()
        parts = [events[at : at + 100] for at in range(0, 600, 100)]
        await asyncio.gather(
            *(store.add(part) for part in parts), *(other.add(part[::-1]) for part in parts[::-1])
        )
        for patient in ("p0", "p199"):
            found = await store.read(patient)
            assert {each.medication_name for each in found.events} == {
                each.medication_name for each in events if each.patient_id == patient
            }
    counts = "SELECT (SELECT count(*) FROM patient), (SELECT count(*) FROM medication)"
    assert await all_of(engine, counts) == [(200, 600)]
    assert await all_of(engine, "SELECT count(*) FROM event") == [(600,)]


async def test_of_a_patient_without_events_not_even_the_identifier_stays(
    url: str, engine: AsyncEngine
) -> None:
    async with EventStore.at(url) as store:
        stays = event("stays")
        await store.add([event("goes"), event("goes", action="stop"), stays])
        await purge_histories(store, LATER, timedelta(0), Purged(), dry_run=False)

        assert await all_of(engine, "SELECT patient_id FROM patient") == [("stays",)]
        assert await store.events_of("stays") == [stays]


async def test_what_comes_of_a_patient_whose_number_was_given_up_is_found(url: str) -> None:
    key = HistoryKey("p", "Heparin", None)
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.add([event("p")])
        assert await other.delete({key: HistorySize(1)}) == [key]
        assert await other.forget_names() == 1
        await other.add([event("q")])

        await store.add([event("p", action="stop")])

        assert await store.events_of("p") == [event("p", action="stop")]
        assert await store.events_of("q") == [event("q")]


async def test_no_number_outlives_the_database_that_gave_it_out(
    url: str, engine: AsyncEngine
) -> None:
    """As where a standby takes over that lacks the last names, or a backup is put back."""
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.add([event("p"), event("q", "Insulin")])
        async with engine.begin() as connection:
            for table in ("event", "patient", "medication"):
                await connection.execute(text(f"DELETE FROM {table}"))
            if engine.dialect.name == "postgresql":
                for table in ("patient", "medication"):
                    await connection.execute(text(f"ALTER SEQUENCE {table}_number_seq RESTART"))
        await other.add([event("q", "Insulin"), event("r", "Heparin")])

        await store.add([event("p")])

        for patient, medication in (("p", "Heparin"), ("q", "Insulin"), ("r", "Heparin")):
            assert await store.events_of(patient) == [event(patient, medication)]


async def test_who_forgets_while_others_bring_new_patients_comes_to_an_end(url: str) -> None:
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.prepare()
        adding = asyncio.gather(
            *(store.add([event(f"{n}-{m}") for m in range(50)]) for n in range(40))
        )
        while not adding.done():
            await other.forget_names()
            await asyncio.sleep(0)
        await adding
        for n in range(40):
            assert await store.events_of(f"{n}-49") == [event(f"{n}-49")]


async def test_nothing_is_lost_while_numbers_are_given_up_and_given_out(
    url: str, engine: AsyncEngine
) -> None:
    medications = [f"Medication {number}" for number in range(12)]
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.prepare()

        async def come_and_go() -> None:
            for medication in medications:
                await store.add([event("p", medication)])
                if medication != medications[-1]:
                    await other.delete({HistoryKey("p", medication, None): HistorySize(1)})

        async def forget() -> None:
            while not coming.done():
                await other.forget_names()
                await asyncio.sleep(0)

        coming = asyncio.create_task(come_and_go())
        await forget()
        await coming
        assert await store.events_of("p") == [event("p", medications[-1])]
    orphans = "SELECT count(*) FROM event WHERE patient NOT IN (SELECT number FROM patient)"
    assert await all_of(engine, orphans) == [(0,)]


async def test_a_patient_is_erased_while_events_of_all_are_stored_and_nothing_of_others_is_lost(
    url: str, engine: AsyncEngine
) -> None:
    medications = [f"Medication {number}" for number in range(30)]
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.add([event("gone"), event("stays")])

        async def bring() -> None:
            # The same again, too: who stores may meet what is being deleted.
            for medication in medications:
                known = [event("gone"), event("gone", medications[0])]
                await store.add([*known, event("gone", medication), event("stays", medication)])
            while sum(each > 0 for each in erased) < 3:
                await store.add([event("gone"), event("stays")])

        erased: list[int] = []
        bringing = asyncio.create_task(bring())
        while not bringing.done():
            erased.append(await other.erase("gone"))
            await asyncio.sleep(0)
        await bringing
        await other.erase("gone")
        assert await all_of(engine, "SELECT patient_id FROM patient") == [("stays",)]
        stays = {each.medication_name for each in await store.events_of("stays")}
        assert stays == {"Heparin", *medications}
        assert await all_of(engine, "SELECT count(*) FROM event") == [(len(stays),)]

        await store.add([event("gone")])
        assert await store.events_of("gone") == [event("gone")]


async def test_the_view_shows_the_events_in_words(url: str, engine: AsyncEngine) -> None:
    exact = explain_event(
        {
            "patient_id": "p",
            "medication_name": "Insulin",
            "action": "cancel_stop",
            "event_time": "1861-04-05T06:07:08.000009Z",
            "order_id": "A7",
        }
    )
    async with EventStore.at(url) as store:
        await store.add([exact])
    words = "patient_id, medication_name, action, order_id, event_id, run"
    shown = await all_of(engine, f"SELECT {words}, event_time FROM medication_event")
    ((*texts, time),) = shown
    assert texts == ["p", "Insulin", "cancel_stop", "A7", "", 0]
    told = time if isinstance(time, str) else f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert told == "1861-04-05T06:07:08.000009Z"
