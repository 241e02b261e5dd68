"""What version 1.0.0 numbered gets its number in a namespace of its own: "2" becomes "repeat-2".

That is done where the same event without a number is stored, as nobody else has numbered it then.
Where both are stored the one with the new number stays.
"""

import sqlalchemy as sa
from alembic import op

from consumer_app.storage.migrations.stretches import stretches

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

_NUMBERED = """
    FROM medication_event AS numbered
    WHERE patient_id > :after AND patient_id <= :last AND {is_number}
    AND EXISTS (
        SELECT 1 FROM medication_event AS first
        WHERE first.patient_id = numbered.patient_id
        AND first.medication_name = numbered.medication_name
        AND first.event_time = numbered.event_time AND first.action = numbered.action
        AND first.order_id = numbered.order_id AND first.event_id = ''
    )
"""
_IS_NUMBER = {
    "sqlite": "event_id GLOB '[1-9]*' AND NOT event_id GLOB '*[^0-9]*' AND event_id <> '1'",
    "postgresql": "event_id ~ '^[1-9][0-9]*$' AND event_id <> '1'",
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
    numbered = _NUMBERED.format(is_number=_IS_NUMBER[connection.dialect.name])
    statements = [sa.text(each.format(numbered=numbered)) for each in (_INSERT, _DELETE)]
    for after, last, _ in stretches(connection, down_revision):
        for statement in statements:
            connection.execute(statement, {"after": after, "last": last})


def downgrade() -> None:
    """Leave the numbers: the releases before keep any ``event_id``."""
