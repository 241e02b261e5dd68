"""A database that this program can't work with is refused in one line that says what to do."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from consumer_app.storage.errors import UnusableDatabase
from consumer_app.storage.schema import USUAL_TERMS, Terms
from consumer_app.storage.store import EventStore
from runtime.version import VERSION
from tests.runs import event
from tests.schemas import migrated_by_a_newer_program


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def prepare(file: Path, terms: Terms) -> None:
    async def prepared() -> None:
        async with EventStore.at(f"sqlite+aiosqlite:///{file}", terms) as store:
            await store.prepare()

    with asyncio.Runner() as runner:
        runner.run(prepared())


def refusal_of(file: Path, terms: Terms = USUAL_TERMS) -> str:
    with pytest.raises(UnusableDatabase) as refused:
        prepare(file, terms)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_schema_of_a_newer_program_that_needs_it_is_refused(file: Path) -> None:
    migrated_by_a_newer_program(file, oldest_program="99.1.0")

    assert refusal_of(file) == (
        f"the database is that of a newer program, and this is {VERSION}: run version 99.1.0 or "
        "newer, or restore the backup from before"
    )


async def test_a_schema_of_a_newer_program_that_leaves_this_one_in_is_worked_on(
    file: Path,
) -> None:
    migrated_by_a_newer_program(file, oldest_program=VERSION)

    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as store:
        await store.prepare()
        await store.add([event("p", 0)])
        assert await store.events_of("p0") == [event("p", 0)]
    with closing(sqlite3.connect(file)) as newer:
        assert newer.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_a_database_that_must_exist_is_not_made(file: Path) -> None:
    must_exist = Terms(must_exist=True)
    refusal = refusal_of(file, must_exist)
    assert f"there are no tables of ours in {file}: is its volume mounted?" in refusal
    assert not file.exists()

    file.touch()
    assert refusal_of(file, must_exist) == refusal

    prepare(file, USUAL_TERMS)
    prepare(file, must_exist)


def test_an_encoding_that_is_not_utf_8_is_refused(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA encoding = 'UTF-16le'")
        other.execute("CREATE TABLE any_table (id)")

    assert "its encoding is UTF-16le" in refusal_of(file)


def test_each_migration_says_which_programs_may_run_on_it() -> None:
    configuration = Config()
    configuration.set_main_option("script_location", "consumer_app.storage:migrations")
    newest_first = ScriptDirectory.from_config(configuration).walk_revisions()
    oldest = [
        [int(number) for number in script.module.oldest_program.split(".")]
        for script in newest_first
    ]
    assert oldest == sorted(oldest, reverse=True), "who is shut out stays so"
    assert oldest[0] <= [int(number) for number in VERSION.split(".")]
