"""Where the audit is, by the settings: beside the events, unless it is said."""

import sys
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url

from consumer_app.audit.audit import Audit
from consumer_app.audit.sinks import PostgresSink, Sink, SqliteSink
from consumer_app.settings import ConsumerSettings


class Place(NamedTuple):
    """Where records and their key are."""

    url: str
    key_file: Path

    @property
    def file(self) -> Path | None:
        """The SQLite file; None where it is no such file."""
        return _sqlite_file(self.url)

    def sink(self) -> Sink:
        """Make what records are kept by; nothing is opened yet."""
        return PostgresSink(self.url) if self.file is None else SqliteSink(self.file)


def configured_place(settings: ConsumerSettings) -> Place:
    """Return where the audit is, or exit with status 2 and a line that says what to set."""
    url = settings.audit_database_url or _beside(settings.database_url)
    file = _sqlite_file(url)
    if settings.audit_key_file is not None:
        return Place(url, settings.audit_key_file)
    if file is None:
        print(
            "Bad settings: AUDIT_KEY_FILE: is needed where the audit is in PostgreSQL: a file that "
            "is made at the first start, the same for all consumers (docs/audit.md)",
            file=sys.stderr,
        )
        raise SystemExit(2)
    return Place(url, Path(f"{file}.key"))


def configured_audit(settings: ConsumerSettings) -> Audit:
    """Make the audit of a process; nothing is opened yet."""
    place = configured_place(settings)
    return Audit(place.sink(), place.key_file)


def _beside(database_url: str) -> str:
    file = _sqlite_file(database_url)
    if file is None:
        return database_url
    # Behind the whole name: events.db and events.sqlite have two audits.
    return f"sqlite+aiosqlite:///{file}.audit"


def _sqlite_file(url: str) -> Path | None:
    address = make_url(url)
    return Path(address.database or "") if address.get_backend_name() == "sqlite" else None
