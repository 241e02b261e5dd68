"""What can be wrong with a database: it is away for now, or of no use as it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

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


class UnreadableEvents(Exception):
    """A patient has an event stored that can't be read."""

    def __init__(self) -> None:
        super().__init__(
            "an event that is stored of the patient can't be read: another program has written it"
        )


class TooManyEvents(Exception):
    """A patient has more events than are read at once."""


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into DatabaseUnavailable: it can't be ``what``."""
    try:
        yield
    except _CAUSES as error:
        # SQLAlchemy's own text would repeat the statement, PostgreSQL's further lines the row.
        words = str(getattr(error, "orig", None) or error).splitlines()
        # SQLite's driver would repeat a text that is not UTF-8.
        cause = words[0].partition(" with text")[0] if words else type(error).__name__
        raise DatabaseUnavailable(f"the database can't be {what}: {cause}") from error
