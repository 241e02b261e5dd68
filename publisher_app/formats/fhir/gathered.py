"""What the resources of inputs refer to, in a temporary file: memory does not grow with it."""

import sqlite3
from types import TracebackType
from typing import Self

import msgspec

from publisher_app.failures import Failure
from publisher_app.formats.fhir.references import (
    Ranked,
    Resolver,
    local,
    means,
    named_twice,
    names_of,
)
from publisher_app.formats.fhir.resources import Referred, read_referred

# Without a name it is a file in the temporary folder, which is gone with the connection.
_SOMEWHERE = ""
_SET_UP = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE referred (name TEXT PRIMARY KEY, resource BLOB, ambiguous INTEGER) WITHOUT ROWID;
    BEGIN;
"""
_FIND = "SELECT resource, ambiguous FROM referred WHERE name = ?"
_ADD = "INSERT INTO referred VALUES (?, ?, 0)"
_DOUBT = "UPDATE referred SET ambiguous = 1 WHERE name = ?"

_write = msgspec.json.Encoder().encode


class NoRoomForReferences(Failure):
    """What an input refers to can't be kept in a temporary file."""


class Gathered(Ranked):
    """Patients and Medications of an input or several, by their names."""

    def __init__(self, outer: Resolver | None = None) -> None:
        """``outer`` finds what is not in here."""
        super().__init__(outer)
        # It is filled by the thread that reads, and closed by another.
        self._file = sqlite3.connect(_SOMEWHERE, isolation_level=None, check_same_thread=False)
        self._file.executescript(_SET_UP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, referred: Referred, full_url: str | None = None) -> None:
        """Keep a resource under its names; one with another meaning makes a name ambiguous.

        Raises:
            NoRoomForReferences: the temporary file can't be written.

        """
        try:
            for name in names_of(referred, full_url):
                found = self._file.execute(_FIND, [name]).fetchone()
                if found is None:
                    self._file.execute(_ADD, [name, _write(referred)])
                elif means(read_referred(found[0])) != means(referred):
                    self._file.execute(_DOUBT, [name])
        except sqlite3.Error as error:
            raise NoRoomForReferences(
                "a temporary file can't be written: make room, or name another folder by TMPDIR"
            ) from error

    def find(self, reference: str) -> Referred | None:
        """Find what a reference refers to; see ``Resolver``."""
        for name in dict.fromkeys((reference, local(reference))):
            found = self._file.execute(_FIND, [name]).fetchone()
            if found is not None:
                resource, is_ambiguous = found
                if is_ambiguous:
                    raise named_twice(name)
                return read_referred(resource)
        return self._outer.find(reference) if self._outer else None
