"""SQLite files: copied while they are in use, searched for damage, and put back."""

import fcntl
import glob
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from consumer_app.storage.files import OF_SQLITE, narrow
from consumer_app.storage.tables import EVENTS, RECORD_EVENTS
from consumer_app.upkeep import CommandFailed
from runtime.durable import put_in_place

_UNTIL = ".until-"
# A connection to a file in WAL mode shares a lock on these bytes for as long as it lives.
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510


def back_up(database: Path, file: Path) -> int:
    """Copy a database while it is in use; return how many events the copy holds.

    Raises:
        CommandFailed: there is a file of that name, it can't be written, or the database is
            damaged.

    """
    with _errors(file), _unfinished(file) as unfinished:
        if file.exists():
            raise CommandFailed(f"{file} is there already: name another file")
        with closing(_open(database)) as source, closing(sqlite3.connect(unfinished)) as copy:
            # All in one step: between the steps of a copy in parts, any write would start it anew.
            source.backup(copy)
            events = _checked(copy, "the database")
        put_in_place(unfinished, file)
        return events


def restore(database: Path, backup: BinaryIO) -> tuple[int, Path | None]:
    """Put a backup in a database's place, and what was there beside it.

    Returns how many events the backup holds, and the name that the earlier database has now.

    Raises:
        CommandFailed: the backup is damaged, the database is in use or can't be written.

    """
    # SQLite keeps its log beside the file itself, not beside a link to it.
    database = database.resolve()
    with _errors(database):
        database.parent.mkdir(parents=True, exist_ok=True)
        with _out_of_use(database), _unfinished(database) as unfinished:
            with unfinished.open("wb") as file:
                shutil.copyfileobj(backup, file)
            with closing(sqlite3.connect(unfinished)) as copy:
                events = _checked(copy, "the backup")
            aside = _set_aside(database)
            # Unlike a rename this fails where a consumer has made a new database meanwhile.
            os.link(unfinished, database)
        # Before a consumer commits to it: the copy and the new names are on the disk.
        os.sync()
        return events, aside


def set_aside_beside(database: Path) -> Sequence[Path]:
    """Name the databases that were set aside for a backup, and are there."""
    database = database.resolve()
    return sorted(database.parent.glob(f"{glob.escape(database.name)}{_UNTIL}*Z"))


def damage_of(database: Path) -> list[str]:
    """Search a database; return what is wrong with it.

    Raises:
        CommandFailed: it can't be read now.

    """
    try:
        with closing(_open(database)) as connection:
            return _damage(connection)
    except sqlite3.OperationalError as error:
        raise CommandFailed(f"{database} can't be checked: {error}") from error


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandFailed(f"{file} can't be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise CommandFailed(f"the database can't be copied to {file}: {error}") from error


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """Give a file beside one, to be renamed at the end: one of that name is always whole."""
    with TemporaryDirectory(".unfinished", f"{file.name}.", file.parent) as folder:
        unfinished = Path(folder, file.name)
        # It names patients: nobody else may read it.
        unfinished.touch(mode=0o600)
        yield unfinished


def _checked(copy: sqlite3.Connection, source: str) -> int:
    """Return how many events a copy holds, unless it is damaged, and so was its source."""
    if damage := _damage(copy):
        raise CommandFailed(f"{source} is damaged: {damage[0]}")
    # In WAL mode, the copy could have to be kept together with a second file.
    copy.execute("PRAGMA journal_mode = DELETE")
    return _count(copy)


@contextmanager
def _out_of_use(database: Path) -> Iterator[None]:
    """Keep everyone from opening a database, which nobody may have open."""
    if not database.exists():
        yield
        return
    with database.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except OSError as error:
            raise CommandFailed(f"{database} is in use: stop the consumer first") from error
        yield


def _set_aside(database: Path) -> Path | None:
    """Rename a database with all its parts; return its name then, None when there is nothing."""
    aside = f"{database}{_UNTIL}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    narrow(database)
    # All of them: the log would be taken for that of another file.
    parts = [part for part in OF_SQLITE if Path(f"{database}{part}").exists()]
    for part in parts:
        Path(f"{database}{part}").rename(f"{aside}{part}")
    return Path(aside) if parts else None


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _damage(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            return found
        # An empty file is a whole database to SQLite.
        _count(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return [str(error)]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return []


def _count(connection: sqlite3.Connection) -> int:
    looking = "SELECT 1 FROM sqlite_master WHERE name = ?"
    there = [
        name
        for name in (EVENTS.name, RECORD_EVENTS.name)
        if connection.execute(looking, [name]).fetchone()
    ]
    # The table of version 1.0.0; today it is a slower view.
    names = there or ["medication_event"]
    countings = (f"SELECT count(*) FROM {name}" for name in names)  # noqa: S608 - our own names
    return sum(connection.execute(counting).fetchone()[0] for counting in countings)
