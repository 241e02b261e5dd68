"""The database that a command is for: the one that DATABASE_URL names."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.progress import MofNCompleteColumn, TextColumn
from sqlalchemy import make_url

from consumer_app.settings import ConsumerSettings
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.migrations.events_of_1_0_0 import Progress
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from runtime.progress import progress_bar
from runtime.settings import load_settings


def database_url() -> str:
    """Return the URL."""
    return load_settings(ConsumerSettings).database_url


def existing_database_url(*, writes: bool = False) -> str:
    """Return the URL; a SQLite file must be there, and nothing may be written where none receives.

    Raises:
        CommandFailed: it is not, or the command ``writes`` there.

    """
    if writes:
        check_writing()
    url = database_url()
    if is_sqlite(url):
        existing(file_of(url))
    return url


def check_writing() -> None:
    """See that what is here stores events: where it only answers, nothing is written.

    Raises:
        CommandFailed: it only answers.

    """
    if not load_settings(ConsumerSettings).receives:
        raise CommandFailed(
            "CONSUMER_RECEIVES=false: what is here only answers; run this where events are stored"
        )


def is_sqlite(url: str) -> bool:
    """Say whether it is a SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_file(instead: str) -> Path:
    """Return the SQLite file, there or not; ``instead`` is the program for PostgreSQL.

    Raises:
        CommandFailed: it is another database.

    """
    url = database_url()
    if not is_sqlite(url):
        raise CommandFailed(f"this is for a SQLite file; for PostgreSQL use {instead}")
    return file_of(url)


def existing(database: Path) -> Path:
    """Return a SQLite file that is there.

    Raises:
        CommandFailed: it is not.

    """
    if not database.is_file():
        raise CommandFailed(
            f"there is no database {database}: set DATABASE_URL to the one you mean"
        )
    return database


def with_store(
    url: str,
    command: Callable[[EventStore], Awaitable[None]],
    partitions: int = 0,
    *,
    writes: bool = False,
) -> None:
    """Run a command on the store in a database; one that only reads may do so on a standby.

    Where CONSUMER_RECEIVES is false it migrates nothing; a command that ``writes`` has asked
    ``check_writing`` before.

    Raises:
        DatabaseUnavailable: it can't be opened, or what the command raises.

    """
    settings = load_settings(ConsumerSettings)

    async def run(progress: Progress | None) -> None:
        terms = settings.terms(partitions)._replace(progress=progress)
        async with EventStore.at(url, terms, read_only=not settings.receives) as store:
            if problem := await store.problem():
                raise DatabaseUnavailable(problem)
            # A standby is told of. SQLite's log would be emptied: it is for consumers to wait for
            # all who read, while nobody can write.
            if writes and not is_sqlite(url):
                await store.prepare()
            await command(store)

    with progress_bar(MofNCompleteColumn(), TextColumn("events")) as draw:
        asyncio.run(run(draw))


def file_of(url: str) -> Path:
    """Return the file of a URL that names a SQLite file."""
    return Path(make_url(url).database or "")
