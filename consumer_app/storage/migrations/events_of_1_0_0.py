"""The events that version 1.0.0 stored are copied into today's tables, as they are read today.

It kept spaces and invisible characters as they came. What it stored so could not be asked for any
more, and would count twice once its file is published again. Of rows that become equal one stays,
with the time at which the first of them arrived.

It numbered what a file repeats "2", "3" and so on, without gaps: an event's number is one of its
own where the same event is stored without a number, and with each of the numbers before it. It
becomes "repeat-2"; where both are stored the one with the new number stays.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from pydantic_core import PydanticCustomError
from sqlalchemy.exc import IntegrityError

from consumer_app.storage.errors import UnusableDatabase
from contracts.text import read_identifier, read_name, visible

logger = logging.getLogger("consumer_app.storage.migrations")

Row = dict[str, Any]
Progress = Callable[[int, int], None]
"""Is told now and then how many events have been copied, of how many."""

# Spelled out: what this makes stays as it is, whatever later migrations make of it.
_ACTIONS = ("start", "stop", "cancel_start", "cancel_stop")
_IDENTIFIERS = ("patient_id", "order_id", "event_id")
_EVENTS_AT_ONCE = 20_000
_SECONDS_BETWEEN_REPORTS = 10

# Whole patients, so that neither memory nor the time of a statement grows with the table.
_NEXT = """
    SELECT max(patient_id), count(*) FROM {source}
    WHERE patient_id > :after AND patient_id <= (
        SELECT max(patient_id) FROM (
            SELECT patient_id FROM {source}
            WHERE patient_id > :after ORDER BY patient_id LIMIT {at_once}
        ) AS stretch
    )
"""
_STRETCH = "patient_id > :after AND patient_id <= :last"
_TEXTS = "patient_id || '|' || medication_name || '|' || order_id || '|' || event_id"
_IS_PLAIN = {
    "sqlite": f"NOT ({_TEXTS} GLOB '*[^ -~]*' OR instr({_TEXTS}, '  '))",
    "postgresql": f"{_TEXTS} !~ '[^ -~]|  '",
}
# What is no second's digits, strftime refuses.
_FORM = "????-??-??T??:??:??." + "[0-9]" * 6 + "Z"
_SECOND = "%Y-%m-%dT%H:%M:%S"
# NULL where 1.0.0 has not written it so: SQLite reads much else as a time, and as another one. A
# day that its month lacks becomes another one once something is added; to look at the last days of
# each month alone costs a third.
_MICROSECONDS = (
    f"CASE WHEN {{0}} GLOB '{_FORM}' AND {{0}} > '0001' AND substr({{0}}, 12, 2) < '24'"
    " AND (substr({0}, 9, 2) < '29'"
    f" OR strftime('{_SECOND}', substr({{0}}, 1, 19), '+0 days') = substr({{0}}, 1, 19))"
    " THEN CAST(strftime('%s', substr({0}, 1, 19)) AS INTEGER) * 1000000"
    " + CAST(substr({0}, 21, 6) AS INTEGER) END"
)
# PostgreSQL's driver made infinite ones of those at the ends of Python's.
_FINITE = "greatest('0001-01-01T00:00Z', least({0}, '9999-12-31T23:59:59.999999Z'))"
_TIME = {"sqlite": _MICROSECONDS, "postgresql": _FINITE}
_WORDS = " ".join(f"WHEN '{action}' THEN {number}" for number, action in enumerate(_ACTIONS))
_ACTION = f"CASE former.action {_WORDS} END"
_KEY = "patient, medication, event_time, action, order_id, event_id"

_NAMES = """
    INSERT INTO {table} ({name})
    SELECT DISTINCT {name} FROM ({read}) AS former WHERE true ORDER BY {name} ON CONFLICT DO NOTHING
"""
_NAMED = """
    FROM ({read}) AS former
    JOIN patient USING (patient_id) JOIN medication USING (medication_name)
"""
_COPY = f"""
    INSERT INTO event ({_KEY}, received_at, run)
    SELECT patient.number, medication.number, {{event_time}}, {_ACTION}, order_id, event_id,
    {{received_at}}, 0
    {_NAMED} WHERE true ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT {{on_conflict}}
"""
_SKIPPED = "DO NOTHING"
_THE_FIRST_ARRIVAL = f"""
    ({_KEY}) DO UPDATE SET received_at = excluded.received_at
    WHERE excluded.received_at < event.received_at
"""
_FOUND = f"""
    SELECT count(*) {_NAMED}
    JOIN event ON event.patient = patient.number AND event.medication = medication.number
    AND event.event_time = {{event_time}} AND event.action = {_ACTION}
    AND event.order_id = former.order_id AND event.event_id = former.event_id
"""

_SAME = " AND ".join(
    f"other.{name} = numbered.{name}"
    for name in ("patient", "medication", "event_time", "action", "order_id")
)
_IS_NUMBER = {
    "sqlite": "length({0}) < 10 AND {0} GLOB '[1-9]*' AND NOT {0} GLOB '*[^0-9]*' AND {0} <> '1'",
    "postgresql": "{0} ~ '^[1-9][0-9]{{0,8}}$' AND {0} <> '1'",
}
_NUMBERED = f"""
    FROM event AS numbered
    WHERE patient > :after AND patient <= :last AND {{is_number}}
    AND EXISTS (SELECT 1 FROM event AS other WHERE {_SAME} AND other.event_id = '')
    AND {{number}} - 2 = (
        SELECT count(*) FROM event AS other
        WHERE {_SAME} AND {{other_is_number}} AND {{other_number}} < {{number}}
    )
"""  # noqa: S608 - ours too
_RENAME = f"""
    INSERT INTO event ({_KEY}, received_at, run)
    SELECT patient, medication, event_time, action, order_id, 'repeat-' || event_id,
    received_at, run
    {{numbered}} ON CONFLICT DO NOTHING
"""
_COUNT = "SELECT count(*) {numbered}"
_RENAMED = f"""
    EXISTS (
        SELECT 1 FROM event AS other
        WHERE {_SAME} AND other.event_id = 'repeat-' || numbered.event_id
    )
"""  # noqa: S608 - ours too
_DELETE = f"""
    DELETE FROM event WHERE ({_KEY}) IN (SELECT {_KEY} {{numbered}} AND {_RENAMED})
"""  # noqa: S608 - ours too
_LAST_OF_SPAN = sa.text("""
    SELECT max(patient) FROM (
        SELECT patient FROM event WHERE patient > :after ORDER BY patient LIMIT :at_once
    ) AS span
""")


# It did not say of an event whether a file had brought it.
_KEEP_RUNS_FROM_NOW_ON = """
    INSERT INTO runs_kept (since) SELECT max(received_at) FROM event HAVING count(*) > 0
"""


def count_events(connection: sa.Connection, table: str) -> int:
    """Count the events of a table, that of 1.0.0 or today's."""
    count: int = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    return count


def copy_events(connection: sa.Connection, source: str, total: int, progress: Progress) -> None:
    """Fill the empty tables from that of 1.0.0, and see that each of its events is there.

    Those that become equal to another one, counted, are there once.

    Raises:
        UnusableDatabase: an event has an action or a time that is none.
        OSError: not all that was copied is there.
        sqlalchemy.exc.SQLAlchemyError: it can't be read or written.

    """
    counts = Counter[str]()
    connection.execute(
        sa.text(f"CREATE TEMPORARY TABLE rewritten AS SELECT * FROM {source} WHERE false")  # noqa: S608
    )
    is_plain = _IS_PLAIN[connection.dialect.name]
    stretch = f"SELECT * FROM {source} WHERE {_STRETCH}"  # noqa: S608
    reading_others = sa.text(f"{stretch} AND NOT {is_plain}")
    for after, last, events in _stretches(connection, source):
        parameters = {"after": after, "last": last}
        others = [dict(row) for row in connection.execute(reading_others, parameters).mappings()]
        plain = f"{stretch} AND {is_plain}" if others else stretch
        merged = _copy(connection, plain, parameters, events - len(others))
        counts.update(_rewrite(connection, others), read=events, merged=merged)
        progress(counts["read"], total)
    connection.execute(sa.text("DROP TABLE rewritten"))
    if counts["read"] != total:
        raise OSError(f"{total - counts['read']} events were not copied")
    if counts["rewritten"]:
        _report(counts)
    expected = total - counts["merged"] - counts["equal"] - _rename_repeats(connection)
    found = count_events(connection, "event")
    if found != expected:
        raise OSError(f"of {expected} events that were copied {found} are there")
    connection.execute(sa.text(_KEEP_RUNS_FROM_NOW_ON))


def progress_in_the_log() -> Progress:
    """Give what logs it, each ten seconds."""
    told = time.monotonic()

    def tell(copied: int, total: int) -> None:
        nonlocal told
        if time.monotonic() > told + _SECONDS_BETWEEN_REPORTS:
            told = time.monotonic()
            logger.warning("%d of %d events are copied", copied, total)

    return tell


def _report(counts: Counter[str]) -> None:
    logger.warning(
        "of %(read)d stored events %(rewritten)d had texts with spaces or invisible "
        "characters and are rewritten: %(invisible)d had invisible characters in an identifier, "
        "%(equal)d became equal to another event",
        {name: counts[name] for name in ("read", "rewritten", "invisible", "equal")},
    )


def _stretches(connection: sa.Connection, source: str) -> Iterator[tuple[str, str, int]]:
    """Yield whole patients: behind one, up to another, who have about so many events."""
    after = ""
    finding = sa.text(_NEXT.format(source=source, at_once=_EVENTS_AT_ONCE))
    while True:
        last, events = connection.execute(finding, {"after": after}).one()
        if not events:
            return
        yield after, last, events
        after = last


def _copy(connection: sa.Connection, read: str, parameters: Mapping[str, str], events: int) -> int:
    """Copy the events that a statement reads, so many; return how many were there already.

    Where some were, each is looked for: what is copied takes the place of what it was copied from.
    """
    time = _TIME[connection.dialect.name]
    words = {name: time.format(f"former.{name}") for name in ("event_time", "received_at")}

    def execute(statement: str, **more: str) -> sa.CursorResult[Any]:
        return connection.execute(sa.text(statement.format(read=read, **words, **more)), parameters)

    execute(_NAMES, table="patient", name="patient_id")
    execute(_NAMES, table="medication", name="medication_name")
    try:
        copied = execute(_COPY, on_conflict=_SKIPPED).rowcount
    except IntegrityError as error:
        raise _strange_event(str(error.orig).splitlines()[0]) from error
    if copied == events:
        return 0
    execute(_COPY, on_conflict=_THE_FIRST_ARRIVAL)
    missing = events - execute(_FOUND).scalar_one()
    if missing:
        raise OSError(f"{missing} events that were copied are not there")
    return events - copied


def _strange_event(violation: str) -> UnusableDatabase:
    """Name the column of which the copy is NULL, and may not be, or else what was violated."""
    may_be = {
        "action": "one of " + ", ".join(f"'{action}'" for action in _ACTIONS),
        **dict.fromkeys(("event_time", "received_at"), "like 2021-01-05T08:00:00.000000Z"),
    }
    column = next((name for name in may_be if name in violation), None)
    if column is None:
        return UnusableDatabase(
            "another program has written an event that is none to medication_event, or changed "
            f"that table: {violation}"
        )
    return UnusableDatabase(
        "another program has written an event that is none: find it in the column "
        f"{column} of medication_event, which must be {may_be[column]}, and delete it"
    )


def _rewrite(connection: sa.Connection, rows: Sequence[Row]) -> dict[str, int]:
    if not rows:
        return {}
    read_today = [row | _read_today(row) for row in rows]
    distinct = _each_once(read_today)
    names = ", ".join(f":{name}" for name in rows[0])
    filling = sa.text(f"INSERT INTO rewritten VALUES ({names})")  # noqa: S608 - columns of ours
    connection.execute(filling, distinct)
    merged = _copy(connection, "SELECT * FROM rewritten", {}, len(distinct))
    connection.execute(sa.text("DELETE FROM rewritten"))
    return {
        "rewritten": sum(row != new for row, new in zip(rows, read_today, strict=True)),
        "invisible": sum(map(_is_refused_today, rows)),
        "equal": len(rows) - len(distinct) + merged,
    }


def _each_once(rows: Iterable[Row]) -> list[Row]:
    """Make equal events one, and keep the first arrival."""
    events: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=itemgetter("received_at")):
        events.setdefault(tuple(row[name] for name in row if name != "received_at"), row)
    return [*events.values()]


def _read_today(row: Row) -> Row:
    """Read the texts; what is refused in an identifier today can't be seen, and is left out."""
    name = row["medication_name"]
    return {
        "medication_name": read_name(name) or visible(name),
        **{each: visible(row[each]) for each in _IDENTIFIERS},
    }


def _is_refused_today(row: Row) -> bool:
    try:
        for each in _IDENTIFIERS:
            read_identifier(row[each])
    except PydanticCustomError:
        return True
    return False


def _rename_repeats(connection: sa.Connection) -> int:
    """Give numbers of 1.0.0 today's names; return how many were there under both."""
    is_number = _IS_NUMBER[connection.dialect.name]
    numbers = {}
    for prefix, table in (("", "numbered"), ("other_", "other")):
        numbers[f"{prefix}is_number"] = tested = is_number.format(f"{table}.event_id")
        # A database may look at the number before it has found out that it is one.
        numbers[f"{prefix}number"] = (
            f"CASE WHEN {tested} THEN CAST({table}.event_id AS INTEGER) ELSE 0 END"
        )
    numbered = _NUMBERED.format(**numbers)
    counting, renaming, deleting = (
        sa.text(each.format(numbered=numbered)) for each in (_COUNT, _RENAME, _DELETE)
    )
    after = under_both = 0
    given = {"at_once": _EVENTS_AT_ONCE}
    while last := connection.execute(_LAST_OF_SPAN, {"after": after, **given}).scalar():
        span = {"after": after, "last": last}
        if events := connection.execute(counting, span).scalar_one():
            renamed = connection.execute(renaming, span).rowcount
            deleted = connection.execute(deleting, span).rowcount
            if deleted != events:
                raise OSError(
                    f"of {events} events with a number of 1.0.0 only {deleted} have today's"
                )
            under_both += deleted - renamed
        after = last
    return under_both
