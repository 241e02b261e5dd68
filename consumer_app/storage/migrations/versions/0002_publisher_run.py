"""The runs of publishers, and which of them first brought an event."""

import sqlalchemy as sa
from alembic import op

from consumer_app.storage.tables import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "publisher_run",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("first_received_at", UtcTime(), nullable=False),
        sa.Column("retracted_at", UtcTime()),
        sa.Column("late_events", sa.Integer(), nullable=False, server_default="0"),
    )
    # What is there belongs to no run. Both databases keep the constant beside the table, and
    # rewrite no row.
    op.add_column(
        "medication_event", sa.Column("run", sa.Integer(), nullable=False, server_default="0")
    )
    if op.get_bind().dialect.name == "postgresql":
        # From here on a consumer of 1.0.0 can't store, and what it has is left to those that
        # take its place: it would store texts in the old form behind the next migration.
        # SQLite serves one consumer, and could not drop a default without writing all rows.
        op.alter_column("medication_event", "run", server_default=None)


def downgrade() -> None:
    op.drop_column("medication_event", "run")
    op.drop_table("publisher_run")
