"""The texts of stored events become those that the contract reads today.

Version 1.0.0 kept spaces and invisible characters as they came. What it stored so could not be
asked for any more, and would count twice once its file is published again. Of rows that become
equal one stays, with the time at which the first of them arrived.
"""

import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from contracts.text import read_name, visible

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

logger = logging.getLogger("consumer_app.storage.migrations")

Row = dict[str, Any]

# Stretches of whole patients, each about as many rows, so that neither memory nor the time of a
# statement grows with the table.
_LAST_OF_STRETCH = sa.text("""
    SELECT max(patient_id) FROM (
        SELECT patient_id FROM medication_event
        WHERE patient_id > :after ORDER BY patient_id LIMIT 20000
    ) AS stretch
""")
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
    (patient_id, medication_name, event_time, action, order_id, event_id, received_at)
    VALUES
    (:patient_id, :medication_name, :event_time, :action, :order_id, :event_id, :received_at)
    ON CONFLICT (patient_id, medication_name, event_time, action, order_id, event_id)
    DO UPDATE SET received_at = excluded.received_at
    WHERE excluded.received_at < medication_event.received_at
""")


def upgrade() -> None:
    connection = op.get_bind()
    not_plain = _NOT_PLAIN[connection.dialect.name]
    rewritten, after = 0, ""
    while last := connection.scalar(_LAST_OF_STRETCH, {"after": after}):
        found = connection.execute(not_plain, {"after": after, "last": last}).mappings()
        rewritten += _rewrite(connection, [dict(row) for row in found])
        after = last
    if rewritten:
        logger.warning("%d stored events had texts with spaces or invisible characters", rewritten)


def _rewrite(connection: sa.Connection, rows: Sequence[Row]) -> int:
    changed = [(row, new) for row in rows if (new := row | _read_today(row)) != row]
    if changed:
        connection.execute(_DELETE, [row for row, _ in changed])
        connection.execute(_INSERT, [new for _, new in changed])
    return len(changed)


def _read_today(row: Row) -> Row:
    """Read the texts; what is refused in an identifier today can't be seen, and is left out."""
    name = row["medication_name"]
    return {
        "patient_id": visible(row["patient_id"]),
        "medication_name": read_name(name) or visible(name),
        "order_id": visible(row["order_id"]),
        "event_id": visible(row["event_id"]),
    }


def downgrade() -> None:
    """Leave the texts: the release before reads them as they are."""
