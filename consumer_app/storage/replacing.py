"""What a SQLite file of version 1.0.0 holds is replaced by today's; a copy of it is the way back.

The file itself stays. Were another one given its name, whoever still had the former one open, or
waited for it, would look for its log by name, and take that of the new one for it.
"""

import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from consumer_app.storage.errors import UnusableDatabase
from consumer_app.storage.migrations.events_of_1_0_0 import (
    Progress,
    copy_events,
    count_events,
    progress_in_the_log,
)
from consumer_app.storage.schema import Terms, upgrade
from runtime.durable import put_in_place

logger = logging.getLogger("consumer_app.storage.migrations")

_FORMER = "0001"
_FORMER_TABLE = "main.medication_event"
_REVISION = "SELECT version_num FROM main.alembic_version"
_OTHERS = """
    SELECT name FROM main.sqlite_master
    WHERE name NOT IN ('medication_event', 'alembic_version') AND name NOT GLOB 'sqlite_*'
    ORDER BY name
"""
_NEW_SHARE = 1.05
"""Of the file's size the new one takes so much where each patient has one event and a UUID.

With many events a patient it is a third; only one event a patient and longer names take more.
"""
_MEANWHILE = _NEW_SHARE + 1 + 1
"""So much a migration needs: for the new one, the way back, and to undo the overwriting."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_AS_GOOD_AS_FULL = 2**24
_PAGES_AT_ONCE = 4096


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
    """Let a file of 1.0.0, which nobody may have open, hold the same in today's format.

    Until that is whole, checked and on the disk, nothing is changed, and then all in one
    transaction: whoever is interrupted or stopped begins anew. A copy of what was there stays
    beside it, as ``FILE.before-2.0.0``.

    Raises:
        UnusableDatabase: there is no room for it, what is there can't be read, or there is more
            than events.
        OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError: it can't be done now.

    """
    # SQLite keeps its log beside the file itself, not beside a link to it.
    file = file.resolve()
    former = file.stat()
    with _alone_with(file) as connection:
        # Migrated meanwhile, or opened before a backup took its place.
        if not _is_former(connection) or not os.path.samestat(former, file.stat()):
            raise OSError("another process has migrated it meanwhile")
        if _way_back(file).exists():
            raise UnusableDatabase(
                f"the way back would be {_way_back(file)}, and there is something of that name: "
                "move it away"
            )
        try:
            with _room_for(file):
                _replace(connection, file, former, terms, is_stopped)
        except BaseException:
            # An error may come behind the moment from which on the copy is the only way back.
            if _is_former(connection):
                _delete(_unfinished(file), _copying(file), _kept(file))
            raise
        finish(file)


def _replace(
    connection: Connection,
    file: Path,
    former: os.stat_result,
    terms: Terms,
    is_stopped: Callable[[], bool],
) -> None:
    progress = terms.progress or progress_in_the_log()

    def unless_stopped() -> None:
        if is_stopped():
            raise OSError("the migration was stopped, and has changed nothing")

    def go_on(copied: int, total: int) -> None:
        unless_stopped()
        progress(copied, total)

    unfinished = _unfinished(file)
    # What one that was killed has left takes the room that this one needs.
    _delete(unfinished, _copying(file), _kept(file))
    _see_that_nothing_else_is_there(connection)
    events = count_events(connection, _FORMER_TABLE)
    _tell(events, file)
    _make(unfinished, terms)
    _copy(connection, unfinished, events, go_on)
    _see_that_it_is_whole(unfinished, "integrity_check")
    _see_that_each_has_names(unfinished)
    _see_that_there_is_room_for_the_rest(file)
    _keep(connection, file, former, unless_stopped)
    _take_in(connection, unfinished, unless_stopped)


def finish(file: Path) -> None:
    """Do what is left to do for a file that holds today's format, unless it has been done.

    Raises:
        OSError: it can't be done now.

    """
    file = file.resolve()
    if not _way_back(file).exists():
        with suppress(FileNotFoundError):  # there is none, or another process was faster
            put_in_place(_kept(file), _way_back(file))
    elif _kept(file).exists():
        logger.warning(
            "%s is what a migration that was interrupted has left, and %s is there, too: delete "
            "what is of no use any more, as it names patients",
            _kept(file),
            _way_back(file),
        )
    _delete(_unfinished(file), _copying(file))


def copies_beside(file: Path) -> Sequence[Path]:
    """Name what a migration has made beside a file, and is there: it holds all patients."""
    made = (each(file.resolve()) for each in (_way_back, _kept, _copying, _unfinished))
    return [each for each in made if each.exists()]


def _delete(*databases: Path) -> None:
    for database in databases:
        for part in ("", "-journal"):
            Path(f"{database}{part}").unlink(missing_ok=True)


@contextmanager
def _room_for(file: Path) -> Iterator[None]:
    """Say clearly that a disk is full, whoever finds it out."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError) as error:
        cause = getattr(error, "orig", error)
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        is_full = getattr(cause, "errno", None) in _NO_ROOM
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            # It says the same of its temporary files, and of a disk that is broken.
            is_full = shutil.disk_usage(file.parent).free < _AS_GOOD_AS_FULL
        if is_full:
            raise _no_room(file, file.stat().st_size * _MEANWHILE) from error
        if code == sqlite3.SQLITE_FULL:
            raise UnusableDatabase(
                "there is no room for SQLite's temporary files: name a folder that has some in "
                "SQLITE_TMPDIR"
            ) from error
        raise


def _is_former(connection: Connection) -> bool:
    return connection.exec_driver_sql(_REVISION).scalars().all() == [_FORMER]


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


def _see_that_nothing_else_is_there(connection: Connection) -> None:
    """See that nobody has made more in the file: it would be gone with all that is in it."""
    others = connection.exec_driver_sql(_OTHERS).scalars().all()
    if others:
        raise UnusableDatabase(
            f"besides the events of 1.0.0 the database holds {', '.join(others)}, which the "
            "migration would lose: copy that to a file of its own, and drop it"
        )


def _make(unfinished: Path, terms: Terms) -> None:
    # It names patients.
    unfinished.touch(mode=0o600)
    with _engine(unfinished).begin() as connection:
        upgrade(connection, terms._replace(must_exist=False))


def _copy(connection: Connection, unfinished: Path, events: int, progress: Progress) -> None:
    for statement in (
        f"ATTACH {_quoted(unfinished)} AS today",
        # It is whole, or begun anew.
        "PRAGMA today.journal_mode = OFF",
        "PRAGMA today.synchronous = OFF",
        "PRAGMA today.cache_size = -65536",
        "BEGIN",
    ):
        connection.exec_driver_sql(statement)
    copy_events(connection, _FORMER_TABLE, events, progress)
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("DETACH today")


def _see_that_it_is_whole(written: Path, check: str) -> None:
    """Bring to the disk what was written without syncs, and look at it anew."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    with closing(sqlite3.connect(written)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute(f"PRAGMA {check}")]
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    if found != ["ok"]:
        raise OSError(f"{written.name} is damaged: {found[0]}")


def _see_that_each_has_names(unfinished: Path) -> None:
    """See that each event is found by way of its patient and its medication."""
    with _engine(unfinished).connect() as connection:
        events, named = (count_events(connection, each) for each in ("event", "medication_event"))
    if events != named:
        raise OSError(f"of {events} events that were copied {named} have their names")


def _quoted(file: Path) -> str:
    name = str(file).replace("'", "''")
    return f"'{name}'"


def _tell(events: int, file: Path) -> None:
    """Say what is done, and see that there is room for it."""
    size, free = file.stat().st_size, shutil.disk_usage(file.parent).free
    if free < size * _MEANWHILE:
        raise _no_room(file, size * _MEANWHILE)
    logger.warning(
        "%d events are copied to today's format, some 30,000 a second; on the disk, where %.0f MB "
        "are free, that takes up to %.0f MB meanwhile and %.0f MB afterwards; versions before "
        "2.0.0 can't use it, and the way back is %s",
        events,
        free / 1e6,
        size * _MEANWHILE / 1e6,
        size * _NEW_SHARE / 1e6,
        _way_back(file),
    )


def _see_that_there_is_room_for_the_rest(file: Path) -> None:
    """See it once the new file's size is known: it may take more than was thought."""
    old, new = file.stat().st_size, _unfinished(file).stat().st_size
    rest = old + min(old, new)
    if shutil.disk_usage(file.parent).free < rest:
        raise _no_room(file, new + rest)


def _no_room(file: Path, needed: float) -> UnusableDatabase:
    return UnusableDatabase(
        f"the database is migrated by way of copies, and there is no room for them: {file.parent} "
        f"needs about {needed / 1e6:.0f} MB free"
    )


def _keep(
    connection: Connection, file: Path, former: os.stat_result, unless_stopped: Callable[[], None]
) -> None:
    """Copy what is there, for the way back: what has its name is whole, and on the disk with it."""
    copying = _copying(file)
    # It names patients, and nothing works with it. Whoever migrates, its owner is to read it.
    copying.touch(mode=0o600)
    _give_to_owner_of(former, copying)
    with closing(sqlite3.connect(copying)) as copy:
        copy.execute("PRAGMA synchronous = OFF")
        # By SQLite: to open and close the file ourselves would let its lock go.
        _driver(connection).backup(copy, pages=_PAGES_AT_ONCE, progress=lambda *_: unless_stopped())
    _see_that_it_is_whole(copying, "quick_check")
    put_in_place(copying, _kept(file))


def _give_to_owner_of(former: os.stat_result, copying: Path) -> None:
    made = copying.stat()
    if (made.st_uid, made.st_gid) != (former.st_uid, former.st_gid):
        # It stays with who migrates, where that one may not give it away.
        with suppress(PermissionError):
            os.chown(copying, former.st_uid, former.st_gid)


def _take_in(connection: Connection, unfinished: Path, unless_stopped: Callable[[], None]) -> None:
    """Replace all that is in the file by what is in another one, in one transaction."""

    def go_on(_: int, remaining: int, __: int) -> None:
        # With the last page it is done.
        if remaining:
            unless_stopped()

    with closing(sqlite3.connect(unfinished)) as source:
        source.backup(_driver(connection), pages=_PAGES_AT_ONCE, progress=go_on)


def _driver(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def _unfinished(file: Path) -> Path:
    return file.with_name(f"{file.name}.unfinished")


def _copying(file: Path) -> Path:
    """Name the way back until it is whole."""
    return file.with_name(f"{_way_back(file).name}.copying")


def _kept(file: Path) -> Path:
    """Name the way back until there is something to come back from."""
    return file.with_name(f"{_way_back(file).name}.unfinished")


def _way_back(file: Path) -> Path:
    return file.with_name(f"{file.name}.before-2.0.0")
