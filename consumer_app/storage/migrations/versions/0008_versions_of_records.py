"""Records of sources have versions, and their events tables of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
# A version before would answer without the events of records, and delete them with no patient.
oldest_program = "2.0.0"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
# On SQLite microseconds since 1970.
_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
# SQLite divides towards zero, and a remainder has the sign of what is divided.
_PARTS = "({0} % 1000000 + 1000000) % 1000000"
_TIME_IN_WORDS = {
    "sqlite": f"strftime('%Y-%m-%dT%H:%M:%S', ({{0}} - {_PARTS}) / 1000000, 'unixepoch')"
    f" || '.' || substr(1000000 + {_PARTS}, 2) || 'Z'",
    "postgresql": "{0}",
}
# PostgreSQL keeps the rights on a view that is replaced, and what depends on it.
_CREATE = {"sqlite": "CREATE", "postgresql": "CREATE OR REPLACE"}
_VIEW = """
    {create} VIEW medication_event AS
    SELECT patient_id, medication_name, {event_time} AS event_time,
    CASE action
        WHEN 0 THEN 'start' WHEN 1 THEN 'stop'
        WHEN 2 THEN 'cancel_start' WHEN 3 THEN 'cancel_stop'
    END AS action, order_id, event_id, {received_at} AS received_at, run,
    record_id, version AS record_version, superseded_by
    FROM (
        SELECT event.*, NULL AS record_id, NULL AS version, NULL AS superseded_by FROM event
        UNION ALL
        SELECT
            patient, medication, event_time, action, order_id, event_id, received_at, run,
            record_id, version, nullif(coalesce((
                SELECT max(newest.version) FROM record_version AS newest
                WHERE newest.record = record_event.record
            ), ''), version)
        FROM record_event JOIN record ON record.number = record_event.record
    ) AS reported
    JOIN patient ON patient.number = reported.patient
    JOIN medication ON medication.number = reported.medication
"""
_COUNT_PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"


def upgrade() -> None:
    connection = op.get_bind()
    partitions = 0
    if connection.dialect.name == "postgresql":
        # As many as the events have, made just now or long ago.
        partitions = connection.execute(sa.text(_COUNT_PARTITIONS)).scalar_one()
    _create_tables(partitions)
    if connection.dialect.name == "sqlite":
        op.execute("DROP VIEW medication_event")
    time = _TIME_IN_WORDS[connection.dialect.name]
    times = {name: time.format(name) for name in ("event_time", "received_at")}
    op.execute(_VIEW.format(create=_CREATE[connection.dialect.name], **times))


def _create_tables(partitions: int) -> None:
    op.create_table(
        "record",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("digest", _TEXT, nullable=False, unique=True),
        sa.Column("record_id", _TEXT, nullable=True),
    )
    op.create_table(
        "record_version",
        sa.Column("record", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("version", _TEXT, primary_key=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    key = ("patient", "medication", "event_time", "action", "order_id", "event_id")
    op.create_table(
        "record_event",
        sa.Column("patient", sa.Integer(), nullable=False),
        sa.Column("medication", sa.Integer(), nullable=False),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("action", sa.SmallInteger(), nullable=False),
        sa.Column("order_id", _TEXT, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("record", sa.Integer(), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*key, "record", "version"),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (patient)" if partitions else None,
    )
    for number in range(partitions):
        op.execute(
            f"CREATE TABLE record_event_{number} PARTITION OF record_event"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
        )


def downgrade() -> None:
    raise NotImplementedError("the way back is the backup")
