"""The schema: whether it is one for this program, and how it is brought to its newest version."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, delete, insert, inspect, select, text

from consumer_app.storage.errors import DatabaseUnavailable, UnusableDatabase, standby
from consumer_app.storage.migrations.events_of_1_0_0 import Progress
from consumer_app.storage.tables import REQUIREMENT
from runtime.version import VERSION

logger = logging.getLogger("consumer_app.storage.migrations")

_ENCODING = {"sqlite": "PRAGMA encoding", "postgresql": "SHOW server_encoding"}


class Terms(NamedTuple):
    """On which terms a database is migrated."""

    partitions: int = 0
    """Over so many hash partitions by patient a new table in PostgreSQL is spread, if any."""

    must_exist: bool = False
    """Where there is no schema, make none."""

    backed_up_before: str | None = None
    """The version before whose first migration the operator has made a backup of PostgreSQL."""

    progress: Progress | None = None
    """Is told how far the copying of the events is, in place of the log."""


USUAL_TERMS = Terms()


def no_database(name: str) -> UnusableDatabase:
    """Say that a database must exist, and does not."""
    return UnusableDatabase(
        f"DATABASE_MUST_EXIST is set, and there are no tables of ours in {name}: is its volume "
        "mounted? DATABASE_MUST_EXIST=false python -m consumer_app database migrate makes them"
    )


def is_newest(connection: Connection) -> bool:
    """Tell whether the schema is the newest that this program knows."""
    newest = ScriptDirectory.from_config(_configuration()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest


def upgrade(connection: Connection, terms: Terms) -> None:
    """Migrate within the transaction that is begun.

    Raises:
        UnusableDatabase: this program can't work with it, or may not migrate it.

    """
    if connection.dialect.name == "postgresql":
        # A write to SQLite has begun as one, and so has its turn already. The turn ends with the
        # transaction: behind PgBouncer the session is another client's then.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('medication_event'))"))
    _check_encoding(connection)
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    configuration.attributes["partitions"] = terms.partitions
    configuration.attributes["progress"] = terms.progress
    newest, *older = ScriptDirectory.from_config(configuration).walk_revisions()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == newest.revision:
        return
    if current is None:
        if terms.must_exist:
            raise no_database(str(connection.engine.url.database))
        _check_primary(connection)
    elif (script := _find(older, current)) is None:
        _check_requirement(connection)
        return
    else:
        _check_primary(connection)
        if _is_older(script.module.oldest_program, newest.module.oldest_program):
            _see_that_there_is_a_backup(newest.module.oldest_program, terms)
    command.upgrade(configuration, "head")
    connection.execute(delete(REQUIREMENT))
    connection.execute(insert(REQUIREMENT).values(oldest_program=newest.module.oldest_program))


def see_that_it_is_newest(connection: Connection) -> None:
    """See that there is nothing to migrate; a newer schema will do where it leaves this program in.

    Raises:
        DatabaseUnavailable: there is.
        UnusableDatabase: this program can't work with it.

    """
    _check_encoding(connection)
    newest, *older = ScriptDirectory.from_config(_configuration()).walk_revisions()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == newest.revision:
        return
    if current is None:
        raise DatabaseUnavailable("the database has no tables of ours yet: who stores makes them")
    if _find(older, current) is not None:
        raise DatabaseUnavailable("the database is of an older version: who stores migrates it")
    _check_requirement(connection)


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", "consumer_app.storage:migrations")
    return configuration


def _find(scripts: Sequence[Script], revision: str) -> Script | None:
    return next((script for script in scripts if script.revision == revision), None)


def _is_older(version: str, other: str) -> bool:
    numbers, others = ([int(number) for number in each.split(".")] for each in (version, other))
    return numbers < others


def _check_encoding(connection: Connection) -> None:
    encoding = connection.scalar(text(_ENCODING[connection.dialect.name]))
    if encoding not in ("UTF8", "UTF-8"):
        raise UnusableDatabase(
            f"the database can't hold every text, as its encoding is {encoding}: name one in "
            "DATABASE_URL that is made with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def _check_primary(connection: Connection) -> None:
    # It is on in every transaction of a standby.
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres and connection.scalar(text("SHOW transaction_read_only")) == "on":
        raise standby()


def _check_requirement(connection: Connection) -> None:
    """See whether this program can work on the schema of a newer one."""
    oldest = None
    if inspect(connection).has_table(REQUIREMENT.name):
        oldest = connection.scalar(select(REQUIREMENT.c.oldest_program))
    if oldest is None or _is_older(VERSION, oldest):
        raise UnusableDatabase(
            f"the database is that of a newer program, and this is {VERSION}: run version "
            f"{oldest or 'that migrated it'} or newer, or restore the backup from before"
        )


def _see_that_there_is_a_backup(version: str, terms: Terms) -> None:
    """See that there is one before a migration shuts all programs before a version out."""
    if terms.backed_up_before != version:
        raise UnusableDatabase(
            f"a migration would shut out all versions before {version}, for good: make a "
            f"backup with pg_dump, then set DATABASE_BACKED_UP_BEFORE={version}"
        )
    logger.warning(
        "versions before %s can't use the database any more once it is migrated; the way back is "
        "the backup that DATABASE_BACKED_UP_BEFORE says you have made",
        version,
    )
