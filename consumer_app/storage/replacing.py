"""A SQLite file of version 1.0.0 is replaced by one of today's format; it stays as the way back."""

import errno
import logging
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from consumer_app.storage.errors import UnusableDatabase
from consumer_app.storage.files import put_in_place
from consumer_app.storage.migrations.events_of_1_0_0 import (
    Progress,
    copy_events,
    count_events,
    progress_in_the_log,
)
from consumer_app.storage.schema import Terms, upgrade

logger = logging.getLogger("consumer_app.storage.migrations")

_FORMER = "0001"
_FORMER_TABLE = "main.medication_event"
# Some file systems have none.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_REVISION = "SELECT version_num FROM alembic_version"
_NEW_SHARE = 0.7
"""Of the file's size the new one takes so much at most; without order and event ids, a third."""


def is_of_1_0_0(file: Path) -> bool:
    """Tell whether a file is one that version 1.0.0 has written.

    Raises:
        sqlite3.Error: it can't be read now.

    """
    if not file.exists():
        return False
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
        return bool(tables.fetchall()) and connection.execute(_REVISION).fetchall() == [(_FORMER,)]


def replace(file: Path, terms: Terms, is_stopped: Callable[[], bool]) -> None:
    """Put a file of today's format in the place of one of 1.0.0, which nobody may have open.

    Until the new one is whole, checked and on the disk, nothing is changed: whoever is interrupted
    or stopped begins anew. What was there stays beside it, as ``FILE.before-2.0.0``.

    Raises:
        UnusableDatabase: there is no room for it, or what is there can't be read.
        OSError, sqlalchemy.exc.SQLAlchemyError: it can't be done now.

    """
    # SQLite keeps its log beside the file itself, not beside a link to it.
    file = file.resolve()
    unfinished = file.with_name(f"{file.name}.unfinished")
    former = file.stat()
    progress = terms.progress or progress_in_the_log()

    def unless_stopped() -> None:
        if is_stopped():
            raise OSError("the migration was stopped, and has changed nothing")

    def go_on(copied: int, total: int) -> None:
        unless_stopped()
        progress(copied, total)

    try:
        with _alone_with(file) as connection:
            # Opened before another process had replaced it, or behind that.
            is_former = connection.exec_driver_sql(_REVISION).scalar_one() == _FORMER
            if not is_former or not os.path.samestat(former, file.stat()):
                raise OSError("another process has migrated it meanwhile")
            try:
                unfinished.unlink(missing_ok=True)
                _see_that_it_can_stay(file)
                events = count_events(connection, _FORMER_TABLE)
                _tell(events, file)
                _make(unfinished, former, terms)
                _copy(connection, unfinished, events, go_on)
                _sync(unfinished)
                unless_stopped()
                _keep(file)
                put_in_place(unfinished, file)
                # It names patients, and nothing works with it any more.
                _way_back(file).chmod(0o600)
            finally:
                unfinished.unlink(missing_ok=True)
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise UnusableDatabase(_no_room(file)) from error
        raise


def _engine(file: Path) -> Engine:
    return create_engine(
        URL.create("sqlite", database=str(file)),
        poolclass=NullPool,
        hide_parameters=True,
        # Transactions are begun here, and by no driver.
        connect_args={"isolation_level": None},
    )


@contextmanager
def _alone_with(file: Path) -> Iterator[Connection]:
    """Open a file that nobody has open, and that nobody else can open until the context ends."""
    with _engine(file).connect() as connection:
        for statement in (
            "PRAGMA locking_mode = EXCLUSIVE",
            # Brings what is in the log into the file, and leaves none: it would be taken for that
            # of the new one.
            "PRAGMA journal_mode = DELETE",
            "BEGIN EXCLUSIVE",
            # The lock stays.
            "COMMIT",
        ):
            connection.exec_driver_sql(statement)
        yield connection


def _make(unfinished: Path, former: os.stat_result, terms: Terms) -> None:
    # It names patients. Whoever migrates, those are to open it who could before.
    unfinished.touch(mode=0o600)
    os.chown(unfinished, former.st_uid, former.st_gid)
    unfinished.chmod(stat.S_IMODE(former.st_mode))
    with _engine(unfinished).begin() as connection:
        upgrade(connection, terms._replace(must_exist=False))


def _copy(connection: Connection, unfinished: Path, events: int, progress: Progress) -> None:
    for statement in (
        f"ATTACH {_quoted(unfinished)} AS today",
        # It is brought to the disk as a whole, or begun anew.
        "PRAGMA today.journal_mode = OFF",
        "PRAGMA today.synchronous = OFF",
        "PRAGMA today.cache_size = -65536",
        "BEGIN",
    ):
        connection.exec_driver_sql(statement)
    copy_events(connection, _FORMER_TABLE, events, progress)
    connection.exec_driver_sql("COMMIT")
    found = connection.exec_driver_sql("PRAGMA today.integrity_check").scalars().all()
    if found != ["ok"]:
        raise OSError(f"the new file is damaged: {found[0]}")
    connection.exec_driver_sql("DETACH today")


def _quoted(file: Path) -> str:
    name = str(file).replace("'", "''")
    return f"'{name}'"


def _tell(events: int, file: Path) -> None:
    """Say what is done, and see that there is room for it."""
    needed, free = file.stat().st_size * _NEW_SHARE, shutil.disk_usage(file.parent).free
    if free < needed:
        raise UnusableDatabase(_no_room(file))
    logger.warning(
        "%d events are copied to a new file, some 30,000 a second; it takes about %.0f MB on the "
        "disk, where %.0f are free; versions before 2.0.0 can't use it, and the way back is %s",
        events,
        needed / 1e6,
        free / 1e6,
        _way_back(file),
    )


def _no_room(file: Path) -> str:
    needed = file.stat().st_size * _NEW_SHARE / 1e6
    return (
        f"the database is migrated to a new file, and there is no room for it: {file.parent} needs "
        f"about {needed:.0f} MB free"
    )


def _see_that_it_can_stay(file: Path) -> None:
    way_back = _way_back(file)
    if way_back.exists() and not way_back.samefile(file):
        raise UnusableDatabase(
            f"the way back would be {way_back}, and there is something of that name: move it away"
        )


def _keep(file: Path) -> None:
    """Give what is there its second name, under which it stays."""
    way_back = _way_back(file)
    if way_back.exists():
        return  # given by one who was killed behind it
    try:
        os.link(file, way_back)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        copy = file.with_name(f"{way_back.name}.unfinished")
        try:
            shutil.copy2(file, copy)
            _sync(copy)
            put_in_place(copy, way_back)
        finally:
            copy.unlink(missing_ok=True)


def _sync(unfinished: Path) -> None:
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())


def _way_back(file: Path) -> Path:
    return file.with_name(f"{file.name}.before-2.0.0")
