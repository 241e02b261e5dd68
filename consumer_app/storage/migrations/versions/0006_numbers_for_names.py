"""Patients and medications become numbers in the events; runs and consumers have their tables.

The numbers between were those of versions that were never released.
"""

import logging

import sqlalchemy as sa
from alembic import context, op

from consumer_app.storage.errors import UnusableDatabase
from consumer_app.storage.migrations.events_of_1_0_0 import (
    copy_events,
    count_events,
    progress_in_the_log,
)

revision = "0006"
down_revision = "0001"
branch_labels = None
depends_on = None
oldest_program = "2.0.0"

logger = logging.getLogger("consumer_app.storage.migrations")

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
_FORMER = "medication_event_of_1_0_0"
_VIEW = """
    CREATE VIEW medication_event AS
    SELECT patient_id, medication_name, {event_time} AS event_time,
    CASE action
        WHEN 0 THEN 'start' WHEN 1 THEN 'stop'
        WHEN 2 THEN 'cancel_start' WHEN 3 THEN 'cancel_stop'
    END AS action, order_id, event_id, {received_at} AS received_at, run
    FROM event
    JOIN patient ON patient.number = event.patient
    JOIN medication ON medication.number = event.medication
"""


def upgrade() -> None:
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    partitions = context.config.attributes["partitions"]
    if on_postgresql:
        # What stores there must be done before, and can store nothing behind it.
        op.execute("LOCK TABLE medication_event IN ACCESS EXCLUSIVE MODE")
        _see_that_nothing_depends_on_it(connection)
        partitions = partitions or _partitions(connection)
    events = count_events(connection, "medication_event")
    if events and on_postgresql:
        _tell(connection, events)
    op.rename_table("medication_event", _FORMER)
    _create_tables(partitions)
    progress = context.config.attributes["progress"] or progress_in_the_log()
    copy_events(connection, _FORMER, events, progress)
    op.drop_table(_FORMER)
    time = _TIME_IN_WORDS[connection.dialect.name]
    times = ("event_time", "received_at")
    op.execute(_VIEW.format(**{name: time.format(name) for name in times}))
    if on_postgresql:
        op.execute("ANALYZE event, patient, medication")


_DEPENDENTS = """
    SELECT string_agg(DISTINCT other.oid::regclass::text, ', ')
    FROM pg_depend
    JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid
    JOIN pg_class AS other ON other.oid = pg_rewrite.ev_class
    WHERE pg_depend.refobjid = 'medication_event'::regclass
"""


def _see_that_nothing_depends_on_it(connection: sa.Connection) -> None:
    """See it before the copying, at whose end the table could not be dropped."""
    dependents = connection.execute(sa.text(_DEPENDENTS)).scalar_one()
    if dependents:
        raise UnusableDatabase(
            f"the migration makes a view of the table medication_event, on which {dependents} "
            "depends: drop that, and make it again on the view afterwards"
        )


def _tell(connection: sa.Connection, events: int) -> None:
    asking = "SELECT pg_size_pretty(pg_database_size(current_database()))"
    logger.warning(
        "%d events are copied in one transaction, some 30,000 a second; until it ends, the "
        "database, which has %s, needs about half as much more",
        events,
        connection.execute(sa.text(asking)).scalar_one(),
    )


def _partitions(connection: sa.Connection) -> int:
    counting = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'medication_event'::regclass"
    count: int = connection.execute(sa.text(counting)).scalar_one()
    return count


def _create_tables(partitions: int) -> None:
    for name, text in (("patient", "patient_id"), ("medication", "medication_name")):
        op.create_table(
            name,
            sa.Column("number", sa.Integer(), primary_key=True),
            sa.Column(text, _TEXT, nullable=False, unique=True),
        )
    op.create_table(
        "event",
        # The key first: in another order SQLite's integrity_check takes whole rows for damaged.
        sa.Column("patient", sa.Integer(), nullable=False),
        sa.Column("medication", sa.Integer(), nullable=False),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("action", sa.SmallInteger(), nullable=False),
        sa.Column("order_id", _TEXT, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "patient", "medication", "event_time", "action", "order_id", "event_id"
        ),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (patient)" if partitions else None,
    )
    for number in range(partitions):
        op.execute(
            f"CREATE TABLE event_{number} PARTITION OF event"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
        )
    op.create_table(
        "publisher_run",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("first_received_at", _TIME, nullable=False),
        sa.Column("retracted_at", _TIME),
        sa.Column("late_events", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "runs_kept",
        sa.Column("since", _TIME, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "consumer",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("last_received_at", _TIME, nullable=False),
        sa.Column("commits", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "numbering",
        sa.Column("given_up", sa.BigInteger(), primary_key=True, autoincrement=False),
    )
    op.execute("INSERT INTO numbering VALUES (0)")
    op.create_table("schema_requirement", sa.Column("oldest_program", _TEXT, primary_key=True))


def downgrade() -> None:
    raise NotImplementedError("the way back is the backup")
