"""A row for each consumer, and which programs the schema is for."""

import sqlalchemy as sa
from alembic import op

from consumer_app.storage.tables import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "consumer",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("last_received_at", UtcTime(), nullable=False),
        sa.Column("commits", sa.BigInteger(), nullable=False),
    )
    op.create_table("schema_requirement", sa.Column("oldest_program", _TEXT, primary_key=True))


def downgrade() -> None:
    op.drop_table("schema_requirement")
    op.drop_table("consumer")
