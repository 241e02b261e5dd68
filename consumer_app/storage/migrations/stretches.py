"""Stretches of the table of events, which a migration keeps one by one."""

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

# Whole patients, each stretch about as many events, so that neither memory nor the time of a
# statement grows with the table.
_NEXT = sa.text("""
    SELECT max(patient_id), count(*) FROM (
        SELECT patient_id FROM medication_event
        WHERE patient_id > :after ORDER BY patient_id LIMIT 20000
    ) AS stretch
""")
_VERSION = sa.text("SELECT version_num FROM alembic_version")


class Stretch(NamedTuple):
    """The patients behind ``after`` up to ``last``, who have about so many events."""

    after: str
    last: str
    events: int


def stretches(connection: sa.Connection, version: str) -> Iterator[Stretch]:
    """Yield the stretches of a table that is of a ``version``; what is done to each is kept.

    Whoever goes on where this was interrupted is given all again.

    Raises:
        OSError: another process has migrated it meanwhile.

    """
    after = ""
    # In SQLite others may take their turn between two stretches, and be done before.
    while connection.scalar(_VERSION) == version:
        last, events = connection.execute(_NEXT, {"after": after}).one()
        if not events:
            return
        yield Stretch(after, last, events)
        connection.commit()
        after = last
    raise OSError("another process has migrated it meanwhile")
