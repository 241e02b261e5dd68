"""The statements about runs: which there are, what each brought, and how it is taken out again."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    text,
    union_all,
    update,
)

from consumer_app.storage.tables import (
    EVENTS,
    RECORD_EVENTS,
    RECORD_VERSIONS,
    RUN_SOURCES,
    RUNS,
)

_TABLES = (EVENTS, RECORD_EVENTS)
_EVENTS_AT_ONCE = 10_000
# Who may write to RabbitMQ could send any number.
_MOST_SOURCES = 100


class Run(NamedTuple):
    """A run of a publisher, as the database knows it."""

    id: int
    name: str
    first_received_at: datetime
    retracted_at: datetime | None
    late_events: int
    """Events that arrived after the retraction, each as often as it did."""


class Span(NamedTuple):
    """A part of the patients by number: behind one, up to another and with it, or to the end."""

    after: int
    last: int | None


class Counted(NamedTuple):
    """So many events of so many patients."""

    events: int
    patients: int


NEW_RUN = text(
    f"INSERT INTO {RUNS} (name, first_received_at) VALUES (:name, :first_received_at)"  # noqa: S608
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("first_received_at", type_=RUNS.c.first_received_at.type))
"""Gives a run its number, if it has none yet."""


NEW_SOURCE = text(
    f"INSERT INTO {RUN_SOURCES} (run, source, first_received_at)"  # noqa: S608
    f" SELECT id, :source, :first_received_at FROM {RUNS} WHERE name = :name"
    f" AND (SELECT count(*) FROM {RUN_SOURCES} WHERE run = id) < {_MOST_SOURCES}"
    " ON CONFLICT DO NOTHING"
).bindparams(
    bindparam("source", type_=RUN_SOURCES.c.source.type),
    bindparam("first_received_at", type_=RUN_SOURCES.c.first_received_at.type),
)
"""Notes who brought something of a run, if that is new, and not more than 100 have been."""


def open_(names: Collection[str]) -> Select[Any]:
    """Select names and numbers of those runs that are not retracted."""
    found = select(RUNS.c.name, RUNS.c.id)
    return found.where(RUNS.c.name.in_(names), RUNS.c.retracted_at.is_(None))


def all_runs() -> Select[Any]:
    """Select the runs by their first arrival."""
    return select(*(RUNS.c[name] for name in Run._fields)).order_by(RUNS.c.id)


def all_sources() -> Select[Any]:
    """Select who brought something of which run, by their first arrival."""
    order = RUN_SOURCES.c.first_received_at, RUN_SOURCES.c.source
    return select(RUN_SOURCES.c.run, RUN_SOURCES.c.source).order_by(*order)


def retraction(run: Run) -> Update:
    """Mark a run as retracted, as from now on; one that is stays so."""
    return (
        update(RUNS)
        .where(RUNS.c.id == run.id, RUNS.c.retracted_at.is_(None))
        .values(retracted_at=datetime.now(UTC))
    )


def late_arrival(name: str, events: int) -> Update:
    """Count events that arrived of a retracted run."""
    late = RUNS.c.late_events + events
    return update(RUNS).where(RUNS.c.name == name).values(late_events=late)


def end_of_span(after: int) -> Select[Any]:
    """Select the patient with whom a span ends: null where it is the last."""
    ends = []
    for table in _TABLES:
        behind = select(table.c.patient).where(table.c.patient > after)
        end = behind.order_by(table.c.patient).offset(_EVENTS_AT_ONCE).limit(1).subquery()
        ends.append(select(end.c.patient))
    found = union_all(*ends).subquery()
    return select(func.min(found.c.patient).label("patient"))


def counts(span: Span) -> Select[Any]:
    """Count events and patients by what stands for their run in the events."""
    found = union_all(
        *(select(table.c.run, table.c.patient).where(*_in(span, table)) for table in _TABLES)
    ).subquery()
    events = func.count().label("events")
    patients = func.count(found.c.patient.distinct()).label("patients")
    return select(found.c.run, events, patients).group_by(found.c.run)


def deletions(run: Run, span: Span) -> list[Delete]:
    """Delete what a run alone has brought."""
    return [delete(table).where(table.c.run == run.id, *_in(span, table)) for table in _TABLES]


def deletion_of_versions(run: Run) -> Delete:
    """Delete the versions of records that a run alone has brought."""
    return delete(RECORD_VERSIONS).where(RECORD_VERSIONS.c.run == run.id)


def count_of_versions(run: Run) -> Select[Any]:
    """Count the versions of records that a run alone has brought."""
    counting = select(func.count().label("versions"))
    return counting.select_from(RECORD_VERSIONS).where(RECORD_VERSIONS.c.run == run.id)


def _in(span: Span, table: Table) -> list[ColumnElement[bool]]:
    column = table.c.patient
    behind = column > span.after
    return [behind] if span.last is None else [behind, column <= span.last]
