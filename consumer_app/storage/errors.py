"""What can be wrong with a database: it is away for now, or of no use as it is."""

import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

# A prepared statement is not there any more, or another client's of that name is.
_OF_A_SHARED_SESSION = ("26000", "42P05")
_REFUSED_BY_PGBOUNCER = "unsupported startup parameter"
_SHARED_SESSION = "where PgBouncer is between, add pgbouncer=true to DATABASE_URL"
_CAUSES = (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class DatabaseUnavailable(Exception):
    """The database can't be read or written now; the text says why and holds no parameters."""


class UnusableDatabase(DatabaseUnavailable):
    """Trying again is of no use before somebody has acted: the text says in one line how."""


def standby() -> UnusableDatabase:
    """Say that nothing can be written where it must be."""
    return UnusableDatabase(
        "the database is a standby, or can only be read: name the primary in DATABASE_URL, "
        "or all of them: ?host=A:5432&host=B:5432&target_session_attrs=read-write"
    )


def shared_session() -> UnusableDatabase:
    """Say that a session lacks what it was asked to have, as another client's does."""
    return UnusableDatabase(f"PostgreSQL's session is not as it was asked for: {_SHARED_SESSION}")


class UnreadableEvents(Exception):
    """A patient has an event stored that can't be read."""

    def __init__(self, whose: str = "of the patient") -> None:
        super().__init__(
            f"an event that is stored {whose} can't be read: another program has written it"
        )


def unreadable_of_number(patient: int) -> UnreadableEvents:
    """Say for an operator whose event it is, which no text of ours may."""
    return UnreadableEvents(f"of the patient with the number {patient} in the table patient")


class TooManyEvents(Exception):
    """A patient has more events than are read at once."""


@contextmanager
def database_errors(what: str, database: str = "the database") -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into DatabaseUnavailable: it can't be ``what``."""
    try:
        yield
    except _CAUSES as error:
        cause = getattr(error, "orig", None) or error
        why = _of_tls(cause) or _in_one_line(cause)
        if _REFUSED_BY_PGBOUNCER in why:
            raise UnusableDatabase(f"{why}: {_SHARED_SESSION}") from error
        if getattr(cause, "sqlstate", None) in _OF_A_SHARED_SESSION:
            why = f"{why}: {_SHARED_SESSION}"
        raise DatabaseUnavailable(f"{database} can't be {what}: {why}") from error


def may_be_full(error: sqlite3.Error) -> bool:
    """Say whether SQLite may have had no room for a temporary file."""
    # It says any of these of one.
    full = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in full


def _in_one_line(cause: BaseException) -> str:
    # SQLAlchemy's own text would repeat the statement, PostgreSQL's further lines the row.
    words = str(cause).splitlines()
    # SQLite's driver would repeat a text that is not UTF-8.
    return words[0].partition(" with text")[0] if words else type(cause).__name__


def _of_tls(error: BaseException | None) -> str | None:
    """Say which certificate is refused and why, where that is behind an error.

    PostgreSQL refuses ours behind the handshake: the driver's own text is that it was cut off.
    """
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"PostgreSQL's certificate is refused: {error.verify_message}; it must name the host "
            "of DATABASE_URL, and be of an authority in its sslrootcert"
        )
    if error is None:
        return None
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return (
        f"there is no TLS with PostgreSQL: {reason}: see the words of TLS in DATABASE_URL: "
        "sslrootcert, sslcert, sslkey"
    )
