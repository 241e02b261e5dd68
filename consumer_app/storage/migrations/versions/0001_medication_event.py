"""The table of events, as version 1.0.0 had it."""

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest_program = "1.0.0"

# PostgreSQL then compares bytes as SQLite does: fast, and independent of the system's locales.
_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")

# On SQLite a text of fixed length.
_TIME = sa.DateTime(timezone=True).with_variant(sa.String(), "sqlite")


def upgrade() -> None:
    partitions = context.config.attributes["partitions"]
    op.create_table(
        "medication_event",
        sa.Column("patient_id", _TEXT, primary_key=True),
        sa.Column("medication_name", _TEXT, primary_key=True),
        sa.Column("event_time", _TIME, primary_key=True),
        sa.Column("action", _TEXT, primary_key=True),
        sa.Column("order_id", _TEXT, primary_key=True),
        sa.Column("event_id", _TEXT, primary_key=True),
        sa.Column("received_at", _TIME, nullable=False),
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
