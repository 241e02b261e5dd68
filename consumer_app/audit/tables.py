"""The audit's tables, in words that SQLite and PostgreSQL share."""

from collections.abc import Mapping, Sequence

RECORDS = "audit_record"
ANCHORS = "audit_anchor"

PATIENT, TIME = "(record ->> 'patient')", "(record ->> 'time')"
"""What of a record is looked up. The line itself is kept, as its code is computed from it."""

_TYPES: Mapping[str, Mapping[str, str]] = {
    "sqlite": {"integer": "INTEGER", "bytes": "BLOB", "json": "TEXT"},
    # json keeps a text as it is, jsonb does not.
    "postgresql": {"integer": "BIGINT", "bytes": "BYTEA", "json": "JSON"},
}
_STATEMENTS = (
    f"""
    CREATE TABLE IF NOT EXISTS {RECORDS} (
        chain {{integer}} NOT NULL,
        number {{integer}} NOT NULL,
        record {{json}} NOT NULL,
        code {{bytes}} NOT NULL,
        PRIMARY KEY (chain, number)
    )
    """,
    f"CREATE INDEX IF NOT EXISTS {RECORDS}_patient ON {RECORDS} ({PATIENT}, {TIME})",
    f"CREATE INDEX IF NOT EXISTS {RECORDS}_time ON {RECORDS} ({TIME})",
    f"""
    CREATE TABLE IF NOT EXISTS {ANCHORS} (
        chain {{integer}} PRIMARY KEY,
        number {{integer}} NOT NULL,
        code {{bytes}} NOT NULL,
        seal {{bytes}} NOT NULL
    )
    """,
)

LAST_CHAIN = f"""
    SELECT coalesce(max(chain), 0) FROM (
        SELECT max(chain) AS chain FROM {RECORDS} UNION ALL SELECT max(chain) FROM {ANCHORS}
    ) AS found
"""  # noqa: S608 - names of ours alone


def schema(kind: str) -> Sequence[str]:
    """Return the statements that make the tables in a kind of database, where they are not."""
    return [statement.format(**_TYPES[kind]) for statement in _STATEMENTS]
