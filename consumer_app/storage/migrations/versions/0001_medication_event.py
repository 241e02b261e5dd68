"""The table of events."""

import sqlalchemy as sa
from alembic import context, op

from consumer_app.storage.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest_program = "1.0.0"

# PostgreSQL then compares bytes as SQLite does: fast, and independent of the system's locales.
_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    partitions = context.config.attributes["partitions"]
    op.create_table(
        "medication_event",
        sa.Column("patient_id", _TEXT, primary_key=True),
        sa.Column("medication_name", _TEXT, primary_key=True),
        sa.Column("event_time", UtcTime(), primary_key=True),
        sa.Column("action", _TEXT, primary_key=True),
        sa.Column("order_id", _TEXT, primary_key=True),
        sa.Column("event_id", _TEXT, primary_key=True),
        sa.Column("received_at", UtcTime(), nullable=False),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (patient_id)" if partitions else None,
    )
    for number in range(partitions):
        op.execute(
            f"CREATE TABLE medication_event_{number} PARTITION OF medication_event"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
        )


def downgrade() -> None:
    op.drop_table("medication_event")
