"""Records go to a SQLite file of their own, for its owner alone, and are there for good."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from consumer_app.audit.chain import Head, Link
from consumer_app.audit.errors import AuditUnavailable
from consumer_app.audit.sinks import ChainTaken, SqliteSink
from tests.unit.audit.chains import CODES, chained

LINKS = chained(['{"time":"1"}', '{"time":"2"}'])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "events.db.audit"


@pytest.fixture
async def sink(file: Path) -> AsyncIterator[SqliteSink]:
    sink = SqliteSink(file)
    yield sink
    await sink.close()


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def replace(file: Path) -> None:
    file.unlink()
    sqlite3.connect(file).close()


def stored(file: Path) -> list[Link]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT * FROM audit_record ORDER BY chain, number")
        return [Link(*row) for row in rows]


async def test_what_is_appended_is_there(sink: SqliteSink, file: Path) -> None:
    await sink.open()
    assert await sink.last_chain() == 0
    await sink.append(LINKS)

    assert stored(file) == LINKS
    assert await sink.last_chain() == 1


async def test_all_files_are_their_owners_alone(sink: SqliteSink, file: Path) -> None:
    earlier = os.umask(0)
    try:
        await sink.open()
        await sink.append(LINKS)
    finally:
        os.umask(earlier)

    assert modes_in(file.parent) == {f"{file.name}{part}": 0o600 for part in ("", "-wal", "-shm")}


async def test_each_commit_is_on_the_disk(sink: SqliteSink) -> None:
    await sink.open()
    assert sink._connection is not None
    (synchronous,) = sink._connection.execute("PRAGMA synchronous").fetchone()
    (journal,) = sink._connection.execute("PRAGMA journal_mode").fetchone()

    assert (synchronous, journal) == (2, "wal")


async def test_a_link_that_is_there_is_not_replaced_nor_are_those_beside_it_kept(
    sink: SqliteSink, file: Path
) -> None:
    await sink.open()
    await sink.append(LINKS[:1])
    with pytest.raises(ChainTaken):
        await sink.append(LINKS)

    assert stored(file) == LINKS[:1]
    await sink.append(LINKS[1:])


async def test_to_open_it_is_to_write(sink: SqliteSink, file: Path) -> None:
    await sink.open()
    with closing(sqlite3.connect(file)) as other:
        (before,) = other.execute("PRAGMA data_version").fetchone()
        await sink.open()
        assert other.execute("PRAGMA data_version").fetchone() != (before,)


@pytest.mark.parametrize("row", [(0, 1), (1, 0), (-1, 1), (2**53, 1), ("a", 1)])
async def test_a_row_that_would_stop_all_who_record_is_refused(
    sink: SqliteSink, file: Path, row: tuple[object, object]
) -> None:
    await sink.open()
    with closing(sqlite3.connect(file)) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("INSERT INTO audit_record VALUES (?, ?, '{}', x'')", row)


async def test_a_chain_behind_the_last_number_is_refused_and_not_tried_for_ever(
    sink: SqliteSink,
) -> None:
    await sink.open()
    with pytest.raises(AuditUnavailable, match="CHECK constraint failed"):
        await sink.append([LINKS[0]._replace(chain=2**53)])


async def test_a_chain_keeps_the_anchor_that_it_has(sink: SqliteSink) -> None:
    first, second = (CODES.anchor(Head(0, number, bytes(32))) for number in (1, 2))
    await sink.open()

    assert await sink.anchored(first) == first
    assert await sink.anchored(second) == first


async def test_the_heads_of_chains_behind_a_number_are_found(sink: SqliteSink) -> None:
    links = chained(["{}", "{}"], ["{}"], ["{}", "{}"])
    await sink.open()
    await sink.append(links)

    assert await sink.heads(1) == [links[2].head, links[4].head]
    assert await sink.heads(3) == []


@pytest.mark.parametrize("lose", [Path.unlink, replace])
async def test_nothing_is_written_to_a_file_that_has_lost_its_name(
    sink: SqliteSink, file: Path, lose: Callable[[Path], None]
) -> None:
    await sink.open()
    lose(file)

    with pytest.raises(AuditUnavailable, match="the audit can't be written"):
        await sink.append(LINKS)
    await sink.open()
    await sink.append(LINKS)
    assert stored(file) == LINKS


async def test_a_file_that_can_not_be_made_is_told_of_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sink = SqliteSink(tmp_path / "file" / "events.db.audit")

    with pytest.raises(AuditUnavailable, match=r"the audit can't be written: .*File exists"):
        await sink.open()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text"
    file.write_text("no database, but long enough for one" * 100)
    return file


async def test_a_file_that_is_no_database_is_told_of(text: Path) -> None:
    with pytest.raises(AuditUnavailable, match="file is not a database"):
        await SqliteSink(text).open()


async def test_the_room_on_its_disk_is_told(sink: SqliteSink) -> None:
    assert sink.free_bytes() is None
    await sink.open()
    free = sink.free_bytes()

    assert free is not None
    assert free > 0


@pytest.mark.parametrize("_time", range(20))
async def test_those_who_make_the_file_at_once_all_open_it(file: Path, _time: int) -> None:
    sinks = [SqliteSink(file) for _ in range(4)]
    try:
        # Each has a thread of its own.
        await asyncio.gather(*(sink.open() for sink in sinks))
        assert [await sink.last_chain() for sink in sinks] == [0] * len(sinks)
    finally:
        for sink in sinks:
            await sink.close()
