"""A file with patients is read by its owner alone."""

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from consumer_app.storage.files import keep_private
from consumer_app.storage.store import EventStore
from consumer_app.upkeep.backups import back_up, restore
from tests.runs import event


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let files be made with whatever mode is asked for."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


async def store_in(file: Path) -> dict[str, int]:
    """Store an event; return the modes of the files while they are open."""
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as store:
        await store.add([event("p", 0)])
        return modes(file.parent)


@pytest.mark.usefixtures("no_umask")
async def test_its_owner_alone_reads_a_database_and_what_is_beside_it(tmp_path: Path) -> None:
    assert await store_in(tmp_path / "made" / "events.db") == {
        "events.db": 0o600,
        "events.db-wal": 0o600,
        "events.db-shm": 0o600,
    }


@pytest.mark.usefixtures("no_umask")
def test_nor_does_anybody_else_read_a_backup_or_what_is_restored(tmp_path: Path) -> None:
    database, backup = tmp_path / "events.db", tmp_path / "backup.db"
    asyncio.run(store_in(database))
    back_up(database, backup)
    with backup.open("rb") as copy:
        restore(database, copy)
    assert {"events.db", "backup.db"} <= modes(tmp_path).keys()
    assert set(modes(tmp_path).values()) == {0o600}


@pytest.mark.usefixtures("no_umask")
async def test_what_others_could_read_is_narrowed_at_the_start_and_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "events.db"
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as store:
        await store.add([event("p", 0)])
        widen(tmp_path)
        with caplog.at_level(logging.INFO, "consumer_app.storage"):
            async with EventStore.at(f"sqlite+aiosqlite:///{link_to(file)}") as other:
                await other.prepare()
        assert modes(tmp_path) == {
            "events.db": 0o600,
            "events.db-wal": 0o600,
            "events.db-shm": 0o600,
        }
    assert [record.getMessage() for record in caplog.records] == [
        f"{file} could be read by others: its mode is 600 now"
    ]


def test_what_is_made_beside_it_meanwhile_is_narrowed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, log = tmp_path / "events.db", tmp_path / "events.db-wal"
    file.touch()
    widen(tmp_path)
    chmod = Path.chmod

    def make_log_before(path: Path, mode: int) -> None:
        if path == file:
            log.touch()
            chmod(log, 0o664)
        chmod(path, mode)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "chmod", make_log_before)
        keep_private(file)
    assert modes(tmp_path) == {"events.db": 0o600, "events.db-wal": 0o600}


def test_a_link_beside_it_leads_to_nothing_that_is_narrowed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    other.chmod(0o644)
    file = tmp_path / "events.db"
    file.touch(0o600)
    Path(f"{file}-wal").symlink_to(other)
    keep_private(file)
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


@pytest.mark.usefixtures("no_umask")
def test_what_a_restore_sets_aside_is_narrowed(tmp_path: Path) -> None:
    database, backup = tmp_path / "events.db", tmp_path / "backup.db"
    asyncio.run(store_in(database))
    back_up(database, backup)
    Path(f"{database}-wal").touch()
    widen(tmp_path)
    backup.chmod(0o600)
    with backup.open("rb") as copy:
        _, aside = restore(database, copy)
    assert aside is not None
    assert {aside.name, f"{aside.name}-wal"} <= modes(tmp_path).keys()
    assert set(modes(tmp_path).values()) == {0o600}


def widen(folder: Path) -> None:
    for each in folder.iterdir():
        each.chmod(0o664)


def link_to(file: Path) -> Path:
    link = Path(mkdtemp(dir=file.parent.parent), "link.db")
    link.symlink_to(file)
    return link


def test_what_belongs_to_another_user_is_told_of_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "events.db"
    file.touch()
    file.chmod(0o644)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", refuse)
    with caplog.at_level(logging.WARNING):
        keep_private(file)
    assert [record.getMessage() for record in caplog.records] == [
        f"{file} can be read by others: chmod 600 it (Operation not permitted)"
    ]
