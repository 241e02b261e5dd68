"""The audit's tables, in words that SQLite and PostgreSQL share."""

from collections.abc import Mapping, Sequence

RECORDS = "audit_record"
ANCHORS = "audit_anchor"
MOST_CHAINS = 2**53
"""More than will ever be begun, and fewer than a column could hold."""

# PostgreSQL's indexes take 2,704 bytes, and would refuse a record with a longer patient.
PATIENT, TIME = "substr(record ->> 'patient', 1, 512)", "(record ->> 'time')"
"""What of a record is looked up. The line itself is kept, as its code is computed from it."""

_TYPES: Mapping[str, Mapping[str, str]] = {
    "sqlite": {"integer": "INTEGER", "bytes": "BLOB", "json": "TEXT", "kept": "STRICT"},
    # json keeps a text as it is, jsonb does not.
    "postgresql": {"integer": "BIGINT", "bytes": "BYTEA", "json": "JSON", "kept": ""},
}
_STATEMENTS = (
    f"""
    CREATE TABLE IF NOT EXISTS {RECORDS} (
        chain {{integer}} NOT NULL,
        number {{integer}} NOT NULL,
        record {{json}} NOT NULL,
        code {{bytes}} NOT NULL,
        PRIMARY KEY (chain, number),
        CHECK (chain > 0 AND chain < {MOST_CHAINS} AND number > 0)
    ) {{kept}}
    """,
    f"CREATE INDEX IF NOT EXISTS {RECORDS}_patient ON {RECORDS} ({PATIENT}, {TIME})",
    f"CREATE INDEX IF NOT EXISTS {RECORDS}_time ON {RECORDS} ({TIME})",
    f"""
    CREATE TABLE IF NOT EXISTS {ANCHORS} (
        chain {{integer}} PRIMARY KEY,
        number {{integer}} NOT NULL,
        code {{bytes}} NOT NULL,
        seal {{bytes}} NOT NULL,
        CHECK (chain >= 0 AND number >= 0)
    ) {{kept}}
    """,
)

LAST_CHAIN = f"""
    SELECT coalesce(max(chain), 0) FROM (
        SELECT max(chain) AS chain FROM {RECORDS} UNION ALL SELECT max(chain) FROM {ANCHORS}
    ) AS found
"""  # noqa: S608 - names of ours alone

# Each chain's own row is found by the primary key.
HEADS = f"""
    SELECT chain, number, code FROM {RECORDS} JOIN (
        SELECT chain AS of_chain, max(number) AS last FROM {RECORDS}
        WHERE chain > {{after}} GROUP BY chain
    ) AS ends ON chain = of_chain AND number = last ORDER BY chain
"""  # noqa: S608


def schema(kind: str) -> Sequence[str]:
    """Return the statements that make the tables in a kind of database, where they are not."""
    return [statement.format(**_TYPES[kind]) for statement in _STATEMENTS]
