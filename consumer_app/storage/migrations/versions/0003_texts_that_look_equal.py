"""The texts of stored events become those that the contract reads today.

Version 1.0.0 kept spaces and invisible characters as they came. What it stored so could not be
asked for any more, and would count twice once its file is published again. Of rows that become
equal one stays, with the time at which the first of them arrived.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from pydantic_core import PydanticCustomError

from consumer_app.storage.migrations.stretches import stretches
from contracts.text import read_identifier, read_name, visible

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

logger = logging.getLogger("consumer_app.storage.migrations")

Row = dict[str, Any]

_IDENTIFIERS = ("patient_id", "order_id", "event_id")
_SECONDS_BETWEEN_REPORTS = 60

_STRETCH = """
    SELECT *
    FROM (
        SELECT *, patient_id || '|' || medication_name || '|' || order_id || '|' || event_id AS all_
        FROM medication_event
        WHERE patient_id > :after AND patient_id <= :last
    ) AS stretch
"""
_NOT_PLAIN = {
    "sqlite": sa.text(_STRETCH + "WHERE all_ GLOB '*[^ -~]*' OR instr(all_, '  ')"),
    "postgresql": sa.text(_STRETCH + "WHERE all_ ~ '[^ -~]|  '"),
}
_DELETE = sa.text("""
    DELETE FROM medication_event
    WHERE patient_id = :patient_id AND medication_name = :medication_name
    AND event_time = :event_time AND action = :action
    AND order_id = :order_id AND event_id = :event_id
""")
_INSERT = sa.text("""
    INSERT INTO medication_event
    (patient_id, medication_name, event_time, action, order_id, event_id, received_at, run)
    VALUES
    (:patient_id, :medication_name, :event_time, :action, :order_id, :event_id, :received_at, :run)
    ON CONFLICT (patient_id, medication_name, event_time, action, order_id, event_id)
    DO UPDATE SET received_at = excluded.received_at
    WHERE excluded.received_at < medication_event.received_at
""")
_COUNT = sa.text("SELECT count(*) FROM medication_event WHERE patient_id IN :patients").bindparams(
    sa.bindparam("patients", expanding=True)
)


def upgrade() -> None:
    connection = op.get_bind()
    not_plain = _NOT_PLAIN[connection.dialect.name]
    counts = Counter[str]()
    reported = time.monotonic()
    for after, last, events in stretches(connection, down_revision):
        found = connection.execute(not_plain, {"after": after, "last": last}).mappings()
        counts.update(_rewrite(connection, [dict(row) for row in found]), read=events)
        if time.monotonic() > reported + _SECONDS_BETWEEN_REPORTS:
            _report(counts)
            reported = time.monotonic()
    if counts["rewritten"]:
        _report(counts)


def _report(counts: Counter[str]) -> None:
    logger.warning(
        "of about %(read)d stored events %(rewritten)d had texts with spaces or invisible "
        "characters and are rewritten: %(invisible)d had invisible characters in an identifier, "
        "%(equal)d became equal to another event",
        {name: counts[name] for name in ("read", "rewritten", "invisible", "equal")},
    )


def _rewrite(connection: sa.Connection, rows: Sequence[Row]) -> dict[str, int]:
    changed = [(row, new) for row in rows if (new := row | _read_today(row)) != row]
    if not changed:
        return {}
    patients = list({new["patient_id"] for _, new in changed})
    connection.execute(_DELETE, [row for row, _ in changed])
    before = connection.scalar(_COUNT, {"patients": patients})
    connection.execute(_INSERT, [new for _, new in changed])
    inserted = connection.scalar(_COUNT, {"patients": patients}) - before
    return {
        "rewritten": len(changed),
        "invisible": sum(_is_refused_today(row) for row, _ in changed),
        "equal": len(changed) - inserted,
    }


def _read_today(row: Row) -> Row:
    """Read the texts; what is refused in an identifier today can't be seen, and is left out."""
    name = row["medication_name"]
    return {
        "medication_name": read_name(name) or visible(name),
        **{each: visible(row[each]) for each in _IDENTIFIERS},
    }


def _is_refused_today(row: Row) -> bool:
    try:
        for each in _IDENTIFIERS:
            read_identifier(row[each])
    except PydanticCustomError:
        return True
    return False


def downgrade() -> None:
    """Leave the texts: the release before reads them as they are."""
