"""A store that only reads waits for who stores, follows the file, and leaves it as it is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase
from consumer_app.storage.store import EventStore, HistoryKey
from tests.runs import event
from tests.schemas import migrated_by_a_newer_program

EVENT, LATER = event("p", 0), event("p", 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made later" / "events.db"


@pytest.fixture
async def storing(file: Path) -> AsyncIterator[EventStore]:
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as store:
        yield store


@pytest.fixture
async def reading(file: Path) -> AsyncIterator[EventStore]:
    async with EventStore.at(f"sqlite+aiosqlite:///{file}", read_only=True) as store:
        yield store


def contents(folder: Path) -> Mapping[str, bytes]:
    """Return the files but for the index of SQLite's log, in which readers leave their marks."""
    files = [each for each in folder.iterdir() if not each.name.endswith("-shm")]
    return {each.name: each.read_bytes() for each in files}


def make_empty(file: Path) -> None:
    file.parent.mkdir()
    file.touch()


def take_its_name(other: Path, file: Path) -> None:
    """Put another database, which nobody has open, in the place of a file and its log."""
    for part in ("-wal", "-shm"):
        file.with_name(f"{file.name}{part}").unlink()
    other.replace(file)


async def test_it_waits_for_a_database_and_makes_none(
    file: Path, storing: EventStore, reading: EventStore
) -> None:
    with pytest.raises(DatabaseUnavailable, match="yet: who stores makes it"):
        await reading.look()
    assert not file.parent.exists()
    make_empty(file)
    assert "no tables of ours yet: who stores makes them" in (await reading.problem() or "")
    assert contents(file.parent) == {"events.db": b""}

    await storing.add([EVENT])

    assert await reading.problem() is None
    assert await reading.events_of("p0") == [EVENT]


async def test_it_reads_what_is_stored_beside_it_at_once(
    storing: EventStore, reading: EventStore
) -> None:
    for each in (EVENT, LATER):
        await storing.add([each])
        found, page = await reading.read("p0"), await reading.read_page("p0", 10)
        assert each in found.events
        assert len(page.events) == len(found.events)
        assert found.last_received_at == page.last_received_at == await storing.last_received_at()


async def test_it_leaves_every_byte_as_it_is(
    file: Path, storing: EventStore, reading: EventStore
) -> None:
    await storing.add([EVENT])
    before = contents(file.parent)
    assert before["events.db-wal"]

    await reading.look()
    assert (await reading.read("p0")).events == [EVENT]
    assert await reading.events_of("p0") == [EVENT]
    assert (await reading.read_page("p0", 10)).events != []
    assert await reading.problem() is None
    assert await reading.replication() is None
    with pytest.raises(DatabaseUnavailable, match="readonly database"):
        await reading.delete({HistoryKey("p0", EVENT.medication_name, EVENT.order_id): 1})

    assert contents(file.parent) == before


async def test_it_reads_what_a_process_that_was_killed_has_left_in_the_log(
    file: Path, storing: EventStore, tmp_path: Path
) -> None:
    await storing.add([EVENT])
    left = tmp_path / "left"
    left.mkdir()
    for name, content in contents(file.parent).items():
        (left / name).write_bytes(content)

    async with EventStore.at(f"sqlite+aiosqlite:///{left}/events.db", read_only=True) as reading:
        assert await reading.events_of("p0") == [EVENT]


async def test_it_reads_the_file_that_has_taken_the_name_of_the_one_it_had_open(
    file: Path, storing: EventStore, reading: EventStore, tmp_path: Path
) -> None:
    await storing.add([EVENT])
    assert (await reading.read("p0")).events == [EVENT]
    other = tmp_path / "other.db"
    async with EventStore.at(f"sqlite+aiosqlite:///{other}") as store:
        await store.add([LATER])

    take_its_name(other, file)

    assert (await reading.read("p0")).events == [LATER]
    assert [each.event_time for each in (await reading.read_page("p0", 10)).events] == [
        LATER.event_time
    ]
    assert await reading.events_of("p0") == [LATER]


async def test_it_says_when_the_database_is_gone(file: Path, storing: EventStore) -> None:
    await storing.add([EVENT])
    async with EventStore.at(f"sqlite+aiosqlite:///{file}", read_only=True) as reading:
        await reading.look()
        await asyncio.to_thread(file.rename, file.with_name("aside.db"))

        assert "there is no" in (await reading.problem() or "")


def test_it_refuses_the_database_of_a_newer_program_that_shuts_it_out(tmp_path: Path) -> None:
    migrated_by_a_newer_program(tmp_path / "events.db", oldest_program="99.1.0")

    async def look() -> None:
        async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db", read_only=True) as it:
            await it.look()

    with pytest.raises(UnusableDatabase, match="the database is that of a newer program"):
        asyncio.run(look())


async def test_it_says_so_when_a_newer_program_has_shut_it_out_while_it_reads(
    storing: EventStore, reading: EventStore
) -> None:
    await storing.add([EVENT])
    assert await reading.problem() is None
    async with storing._engine.begin() as newer:
        await newer.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        await newer.exec_driver_sql("UPDATE schema_requirement SET oldest_program = '99.1.0'")
        await newer.exec_driver_sql("ALTER TABLE event RENAME TO other_event")

    assert "can't be read" in (await reading.problem() or "")
    assert "that of a newer program" in (await reading.problem() or "")
