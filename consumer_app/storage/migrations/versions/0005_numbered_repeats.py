"""What version 1.0.0 numbered gets its number in a namespace of its own: "2" becomes "repeat-2".

It numbered without gaps: an event's number is one of its own where the same event is stored without
a number, and with each of the numbers before it. Where both are stored the one with the new number
stays.
"""

import sqlalchemy as sa
from alembic import op

from consumer_app.storage.migrations.stretches import stretches

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

_SAME = " AND ".join(
    f"other.{name} = numbered.{name}"
    for name in ("patient_id", "medication_name", "event_time", "action", "order_id")
)
_NUMBERED = f"""
    FROM medication_event AS numbered
    WHERE patient_id > :after AND patient_id <= :last AND {{is_number}}
    AND EXISTS (SELECT 1 FROM medication_event AS other WHERE {_SAME} AND other.event_id = '')
    AND {{number}} - 2 = (
        SELECT count(*) FROM medication_event AS other
        WHERE {_SAME} AND {{other_is_number}} AND {{other_number}} < {{number}}
    )
"""  # noqa: S608 - words of ours alone
_IS_NUMBER = {
    "sqlite": "length({0}) < 10 AND {0} GLOB '[1-9]*' AND NOT {0} GLOB '*[^0-9]*' AND {0} <> '1'",
    "postgresql": "{0} ~ '^[1-9][0-9]{{0,8}}$' AND {0} <> '1'",
}
_INSERT = """
    INSERT INTO medication_event
    (patient_id, medication_name, event_time, action, order_id, event_id, received_at, run)
    SELECT patient_id, medication_name, event_time, action, order_id, 'repeat-' || event_id,
    received_at, run {numbered} ON CONFLICT DO NOTHING
"""
_DELETE = """
    DELETE FROM medication_event
    WHERE (patient_id, medication_name, event_time, action, order_id, event_id) IN (
        SELECT patient_id, medication_name, event_time, action, order_id, event_id {numbered}
    )
"""


def upgrade() -> None:
    connection = op.get_bind()
    is_number = _IS_NUMBER[connection.dialect.name]
    numbers = {}
    for prefix, table in (("", "numbered"), ("other_", "other")):
        numbers[f"{prefix}is_number"] = tested = is_number.format(f"{table}.event_id")
        # A database may look at the number before it has found out that it is one.
        numbers[f"{prefix}number"] = (
            f"CASE WHEN {tested} THEN CAST({table}.event_id AS INTEGER) ELSE 0 END"
        )
    numbered = _NUMBERED.format(**numbers)
    statements = [sa.text(each.format(numbered=numbered)) for each in (_INSERT, _DELETE)]
    for after, last, _ in stretches(connection, down_revision):
        for statement in statements:
            connection.execute(statement, {"after": after, "last": last})


def downgrade() -> None:
    """Leave the numbers: the releases before keep any ``event_id``."""
