"""SQLite files: copied while they are in use, and searched for damage."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from consumer_app.storage.tables import TABLE


class NoBackup(Exception):
    """The backup was not made; the text says why."""


def back_up(database: Path, file: Path) -> int:
    """Copy a database while it is in use; return how many events the copy holds.

    Raises:
        NoBackup: there is a file of that name, it can't be written, or the database is damaged.

    """
    if file.exists():
        raise NoBackup(f"{file} is there already: name another file")
    try:
        # Beside it, and renamed at the end: a file of that name is always a whole copy.
        with TemporaryDirectory(".unfinished", f"{file.name}.", file.parent) as folder:
            unfinished = Path(folder, file.name)
            # It names patients: nobody else may read it.
            unfinished.touch(mode=0o600)
            events = _copy(database, unfinished)
            unfinished.rename(file)
            return events
    except OSError as error:
        raise NoBackup(f"{file} can't be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise NoBackup(f"the database can't be copied to {file}: {error}") from error


def _copy(database: Path, file: Path) -> int:
    with closing(_open(database)) as source, closing(sqlite3.connect(file)) as copy:
        # All in one step: between the steps of a copy in parts, any write would start it anew.
        source.backup(copy)
        # In WAL mode, the copy could have to be kept together with a second file.
        copy.execute("PRAGMA journal_mode = DELETE")
        if damage := _damage(copy):
            raise NoBackup(f"the database is damaged: {damage[0]}")
        return _count(copy)


def damage_of(database: Path) -> list[str]:
    """Search a database; return what is wrong with it.

    Raises:
        sqlite3.OperationalError: it can't be read now.

    """
    with closing(_open(database)) as connection:
        return _damage(connection)


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
    counting = f"SELECT count(*) FROM {TABLE}"  # noqa: S608 - our own name
    count: int = connection.execute(counting).fetchone()[0]
    return count
