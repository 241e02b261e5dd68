"""Opening: the schema is there before anything is read, made so here or by another process."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.database import check, migrate
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.schema import Terms

_File = tuple[int, int]


class Opening(Protocol):
    """Sees to it that the schema is one for this program."""

    async def ensure(self) -> None:
        """Return once it is; raise what ``migrate`` or ``check`` raises."""

    def doubt(self) -> None:
        """Hear that something could not be read."""


class Migrating:
    """For who stores: the schema is brought to its newest version, once."""

    def __init__(self, engine: AsyncEngine, terms: Terms) -> None:
        self._engine = engine
        self._terms = terms
        self._turn = asyncio.Lock()
        self._is_done = False

    async def ensure(self) -> None:
        """Migrate, unless that is done."""
        async with self._turn:
            if not self._is_done:
                await migrate(self._engine, self._terms)
                self._is_done = True

    def doubt(self) -> None:
        """Let it be: what is migrated stays so."""


class Following:
    """For who never writes: another process makes the database, migrates it, or replaces its file.

    So it is looked at anew when it is another file than before, or after something could not be
    read. Until it is one for this program nothing of SQLite's file is held open, which would keep
    it from being migrated.
    """

    def __init__(self, engine: AsyncEngine, let_go: Callable[[], Awaitable[None]]) -> None:
        """``let_go`` closes all connections."""
        self._engine = engine
        self._let_go = let_go
        self._turn = asyncio.Lock()
        self._is_seen = False
        self._file: _File | None = None
        self._failure: Exception | None = None
        self._failed_at = 0.0

    async def ensure(self) -> None:
        """See that the schema is one for this program, unless that was seen."""
        came = monotonic()
        async with self._turn:
            file = _file(self._engine)
            if self._is_seen and file == self._file:
                return
            if self._failure is not None and self._failed_at >= came:
                # Each that waited would else look by itself: for hours, where a database hangs.
                raise self._failure.with_traceback(None)
            await self._look(file)

    async def _look(self, file: _File | None) -> None:
        try:
            if file is not None:
                await self._let_go()
            await check(self._engine)
        except Exception as error:
            self._failure, self._failed_at = error, monotonic()
            raise
        # As it was before the check: one that has come meanwhile is noticed the next time.
        self._is_seen, self._file, self._failure = True, file, None

    def doubt(self) -> None:
        """Look at it anew before the next reading."""
        self._is_seen = False


def _file(engine: AsyncEngine) -> _File | None:
    """Tell SQLite's file from another that takes its name."""
    if engine.dialect.name != "sqlite":
        return None
    name = str(engine.url.database)
    try:
        found = Path(name).stat()
    except FileNotFoundError:
        raise _nothing_yet(name) from None
    if not found.st_size:
        # Who makes it has begun: to open it would only be in the way.
        raise _nothing_yet(name)
    return found.st_dev, found.st_ino


def _nothing_yet(name: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"there is no database {name} yet: who stores makes it")
