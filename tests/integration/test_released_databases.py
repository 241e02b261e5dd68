"""A database that a release wrote itself is migrated, and each of its events is what it should be.

``tests/released/1.0.0`` holds what version 1.0.0, commit 3f961d5, made of its two files: publisher,
RabbitMQ and consumer in a checkout of it, a new database each time, SQLite and PostgreSQL 15::

    export DATABASE_URL=… RABBITMQ_URL=…
    faststream run consumer_app.main:app &
    python -m publisher_app first.jsonl
    python -m publisher_app second.jsonl
    kill %1

The SQLite file is there as it was; the other is what ``pg_dump --inserts --no-owner`` wrote,
without the lines that are for ``psql`` alone.
"""

import asyncio
import shutil
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from consumer_app import memory
from consumer_app.__main__ import cli
from consumer_app.exports.periods import ROWS
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore
from consumer_app.storage.tables import EVENTS
from contracts import Action, MedicationEvent
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, SqliteFile, connect

RELEASED = Path("tests/released/1.0.0")

Event = tuple[str, str, str, str, str | None, str | None]

# Some came twice, in one file or in both, and some differed in spaces or in what can't be seen.
OF_THE_FIRST: set[Event] = {
    ("1", "Heparin", "start", "2021-01-05T08:00:00", None, None),
    ("1", "Heparin", "stop", "2021-01-05T09:30:00.250000", None, None),
    ("1", "Heparin", "cancel_stop", "2021-01-05T10:00:00", None, None),
    ("1", "Propofol", "start", "2021-01-05T08:00:00", "334217", "pump-17-000123"),
    ("1", "Propofol", "cancel_start", "2021-01-05T08:00:00", "334217", None),
    ("2", "Insulin", "start", "2021-01-05T08:00:00", None, None),
    ("2", "Insulin", "start", "2021-01-05T08:00:00", None, "repeat-2"),
    ("2", "Insulin", "start", "2021-01-05T08:00:00", None, "repeat-3"),
    ("2", "Insulin", "stop", "2021-01-05T08:00:00", None, "2"),
    ("2", "Insulin", "stop", "2021-01-05T08:00:00", "7", "02"),
    ("3", "Insulin aspart", "start", "2021-01-05T08:00:00", None, None),
    ("3", "Noradrenaline", "start", "2021-01-05T08:00:00", None, None),
    ("3", 'Ätherisches Öl "1 %" 💊', "start", "2021-01-05T08:00:00", "A 7", "pump 1"),
    ("3", "قرص می\u200cخورم", "start", "2021-01-05T08:00:00", None, None),
    ("4", "Heparin", "start", "0001-01-01T00:00:00", None, None),
    ("4", "Heparin", "stop", "1800-02-28T12:00:00.000001", None, None),
    ("4", "Heparin", "stop", "1969-12-31T23:59:59.999999", None, None),
    ("4", "Heparin", "stop", "9999-12-31T23:59:59.999999", None, None),
    ("A7", "Heparin", "start", "2021-01-05T08:00:00", None, None),
    ("U+2060", "Heparin", "start", "2021-01-05T08:00:00", None, None),
}
OF_THE_SECOND: set[Event] = {("A7", "Heparin", "stop", "2021-01-05T09:00:00", None, None)}


def in_sqlite(_: pytest.FixtureRequest, folder: Path) -> str:
    database = SqliteFile(folder)
    shutil.copy(RELEASED / "events.sqlite", database.file)
    return database.url


def in_postgresql(request: pytest.FixtureRequest, _: Path) -> str:
    server: PrivatePostgres = request.getfixturevalue("postgres")
    database = PostgresDatabase(server)

    async def restore() -> None:
        connection = await connect(database.url)
        await connection.execute((RELEASED / "events.sql").read_text())
        await connection.close()

    asyncio.run(restore())
    return database.url


@pytest.mark.parametrize(
    ("make", "first", "second"),
    [
        pytest.param(
            in_sqlite, "2026-11-26T21:37:43.261278", "2026-11-26T21:37:46.560572", id="sqlite"
        ),
        pytest.param(
            in_postgresql,
            "2026-11-26T21:37:54.449038",
            "2026-11-26T21:37:57.831939",
            id="postgresql",
        ),
    ],
)
def test_what_1_0_0_has_stored_is_there_once_as_it_is_read_today_with_its_first_arrival(
    make: Callable[[pytest.FixtureRequest, Path], str],
    first: str,
    second: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    url = make(request, tmp_path)
    expected = {first: OF_THE_FIRST, second: OF_THE_SECOND}

    found = asyncio.run(events_of(url, {event[0] for event in OF_THE_FIRST | OF_THE_SECOND}))

    assert len(found) == sum(map(len, expected.values()))
    assert {at: {event for event, arrived in found if arrived == at} for at in expected} == expected


@pytest.mark.parametrize("make", [in_sqlite, in_postgresql])
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Tokyo"])
def test_what_1_0_0_has_stored_is_exported_in_each_format_and_in_the_time_of_any_zone(
    make: Callable[[pytest.FixtureRequest, Path], str],
    zone: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The command runs in this process.
    monkeypatch.setattr(memory, "CGROUP_LIMITS", ())
    monkeypatch.setenv("DATABASE_URL", make(request, tmp_path))
    monkeypatch.setenv("DATABASE_BACKED_UP_BEFORE", "2.0.0")
    monkeypatch.setenv("CONSUMER_TIME_ZONE", zone)
    monkeypatch.setenv("AUDIT_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/audit.db")
    commands = [("omop", "exposures"), *(("periods", f"periods{ending}") for ending in ROWS)]

    for command, name in commands:
        done = CliRunner().invoke(cli, ["export", command, str(tmp_path / name)])
        assert done.exit_code == 0, done.output

    exposures = (tmp_path / "exposures" / "drug_exposure.csv").read_text()
    rows = (tmp_path / "periods.csv").read_text()
    assert "0001-01-01T00:00:00Z,1800-02-28T12:00:00.000001Z" in rows
    assert ",0001-01-01 " in exposures
    assert exposures.count("\n") == rows.count("\n")


async def events_of(url: str, patients: Collection[str]) -> list[tuple[Event, str]]:
    """Migrate, and read all events, each with the time of its arrival."""
    async with EventStore.at(url, Terms(backed_up_before="2.0.0")) as store:
        pages = [await store.read_page(patient, 100) for patient in sorted(patients)]
        (row,) = await store._read(select(func.count().label("all")).select_from(EVENTS))
        assert row["all"] == sum(len(page.events) for page in pages), "there are no others"
    return [
        (
            (
                each.patient_id,
                each.medication_name,
                each.action.value,
                written(each.event_time),
                each.order_id,
                each.event_id,
            ),
            written(each.received_at),
        )
        for page in pages
        for each in page.events
    ]


@pytest.mark.parametrize("make", [in_sqlite, in_postgresql])
async def test_of_what_1_0_0_has_stored_nobody_says_that_it_was_late_only_of_what_comes_then(
    make: Callable[[pytest.FixtureRequest, Path], str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    url = await asyncio.to_thread(make, request, tmp_path)
    late = MedicationEvent("3", "Heparin", Action.START, datetime(2021, 1, 5, tzinfo=UTC))
    async with EventStore.at(url, Terms(backed_up_before="2.0.0")) as store:
        await store.add([late])
        reports, _ = await store.read_arrived("3")
    assert len(reports.events) > 1
    assert reports.arrivals.keys() == {late}


def written(time: datetime) -> str:
    assert time.tzinfo == UTC
    return time.replace(tzinfo=None).isoformat()
