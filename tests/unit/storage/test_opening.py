"""A store that only reads waits for who stores, follows the file, and leaves it as it is."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage import opening
from consumer_app.storage.backend import Found
from consumer_app.storage.database import check, open_database
from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase
from consumer_app.storage.opening import Following
from consumer_app.storage.sqlite import SqliteBackend
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
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
    assert "yet: who stores makes it" in (await reading.problem() or "")
    assert contents(file.parent) == {"events.db": b""}
    assert len([*file.parent.iterdir()]) == 1, "it has not been opened"

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
        await reading.delete(
            {HistoryKey("p0", EVENT.medication_name, EVENT.order_id): HistorySize(1)}
        )

    assert contents(file.parent) == before


async def test_beside_nobody_else_it_makes_the_index_of_the_log_and_an_empty_log_alone(
    file: Path, reading: EventStore
) -> None:
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as storing:
        await storing.add([EVENT])
    before = contents(file.parent)
    assert before.keys() == {"events.db"}

    assert await reading.events_of("p0") == [EVENT]

    assert contents(file.parent) == {**before, "events.db-wal": b""}


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


class Hanging:
    """A database that lets each look at it wait, and then fail."""

    def __init__(self) -> None:
        self.looks = 0
        self.fails = asyncio.Event()

    async def check(self, _: AsyncEngine) -> None:
        self.looks += 1
        await self.fails.wait()
        raise DatabaseUnavailable("it hangs")


@pytest.mark.fault("database hangs before a process that only answers")
async def test_all_who_ask_while_a_database_hangs_share_one_look_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hanging = Hanging()
    monkeypatch.setattr(opening, "check", hanging.check)
    engine = open_database("postgresql+asyncpg://nobody@localhost/none", read_only=True)

    async def let_go() -> None:
        raise AssertionError("what others read is cut off")

    following = Following(engine, let_go)
    asking = [asyncio.create_task(following.ensure()) for _ in range(20)]
    await asyncio.sleep(0)
    hanging.fails.set()
    async with asyncio.timeout(10):
        failures = await asyncio.gather(*asking, return_exceptions=True)

    assert {str(failure) for failure in failures} == {"it hangs"}
    assert hanging.looks == 1
    with pytest.raises(DatabaseUnavailable):
        await following.ensure()
    assert hanging.looks == 2, "who asks later looks anew"


async def test_who_is_given_up_in_the_middle_of_a_look_leaves_it_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hanging = Hanging()
    monkeypatch.setattr(opening, "check", hanging.check)
    engine = open_database("postgresql+asyncpg://nobody@localhost/none", read_only=True)
    following = Following(engine, engine.dispose)
    first, second = (asyncio.create_task(following.ensure()) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    hanging.fails.set()

    with pytest.raises(DatabaseUnavailable, match="it hangs"):
        await second
    assert hanging.looks == 2


async def test_a_patient_who_can_not_be_read_makes_it_look_anew(
    storing: EventStore, reading: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storing.add([EVENT])
    await reading.look()
    looks = 0

    async def count(engine: AsyncEngine) -> None:
        nonlocal looks
        looks += 1
        await check(engine)

    async def fail(_: Sequence[str]) -> Found:
        return Found({"p0": DatabaseUnavailable("away")}, None)

    monkeypatch.setattr(opening, "check", count)
    with monkeypatch.context() as failing:
        failing.setattr(reading._reads, "submit", fail)
        with pytest.raises(DatabaseUnavailable, match="away"):
            await reading.read("p0")

    assert (await reading.read("p0")).events == [EVENT]
    assert looks == 1


async def test_what_is_just_being_opened_is_closed_too(storing: EventStore, file: Path) -> None:
    await storing.add([EVENT])
    engine = open_database(f"sqlite+aiosqlite:///{file}", read_only=True)
    backend = SqliteBackend(engine, consumer="")
    reading = asyncio.create_task(backend.read(["p0"]))
    await asyncio.sleep(0)

    await backend.close()

    assert (await reading).events == {"p0": [EVENT]}
    assert not backend._reader.is_open
    await engine.dispose()
