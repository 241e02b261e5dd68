"""The table of events."""

import sqlalchemy as sa
from alembic import op

from consumer_app.tables import OptionalKey, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "medication_event",
        sa.Column("patient_id", sa.String(), primary_key=True),
        sa.Column("medication_name", sa.String(), primary_key=True),
        sa.Column("event_time", UtcTime(), primary_key=True),
        sa.Column("action", sa.String(), primary_key=True),
        sa.Column("order_id", OptionalKey(), primary_key=True),
        sa.Column("event_id", OptionalKey(), primary_key=True),
        sa.Column("received_at", UtcTime(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("medication_event")
