"""Runs know who brought them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
# On SQLite microseconds since 1970.
_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "run_source",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("source", _TEXT, primary_key=True),
        sa.Column("first_received_at", _TIME, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("the way back is the backup")
