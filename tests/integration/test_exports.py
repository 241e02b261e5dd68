"""`python -m consumer_app export` writes the periods of all patients, from either database."""

import asyncio
import csv
import json
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import text

from consumer_app.exports import walk
from consumer_app.exports.walk import Exported, write_all
from consumer_app.queries.answers import answer_to
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.rules.periods import Period
from consumer_app.storage import postgres, sqlite
from consumer_app.storage.database import open_database
from consumer_app.storage.errors import UnreadableEvents
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent, RecordVersion, Report
from local.postgres import PrivatePostgres
from tests.commands import run_command
from tests.databases import KINDS, PostgresDatabase, SqliteFile
from tests.records import any_event, any_versions, event, version

_prefixes = count()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path).url
    return PostgresDatabase(request.getfixturevalue("postgres")).url


@pytest.fixture
def postgres_url(postgres: PrivatePostgres) -> str:
    return PostgresDatabase(postgres).url


@pytest.fixture(params=KINDS, scope="module")
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path_factory.mktemp("exports")).url
    return PostgresDatabase(request.getfixturevalue("postgres")).url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an empty folder for what is exported."""
    found = tmp_path / "exports"
    found.mkdir()
    return found


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is fetched at once be two events."""
    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "EVENTS_A_PART", 2)


def fill(url: str, reports: Sequence[Report]) -> None:
    async def add() -> None:
        async with EventStore.at(url) as store:
            await store.add(reports)

    asyncio.run(add())


def export(url: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command({"DATABASE_URL": url}, "export", *map(str, arguments))


REPORTS: list[Report] = [
    # Two orders of a medication join; the second has not ended.
    event("start", 0, patient="K 7", medication="Heparin", order="A"),
    event("stop", 4, patient="K 7", medication="Heparin", order="A"),
    event("start", 2, patient="K 7", medication="Heparin", order="B"),
    # A dose, and a stop without effect.
    event("start", 1, patient="K 7", medication="Insulin"),
    event("stop", 1, patient="K 7", medication="Insulin"),
    event("stop", 3, patient="K 7", medication="Insulin"),
    # Of a record the highest version counts, and of another one nothing is left.
    version("r/1", "1", event("start", 5, patient="2"), event("stop", 6, patient="2")),
    version("r/1", "2", event("start", 7, patient="2"), event("stop", 30, patient="2")),
    version("r/2", "1", event("start", 9, patient="2"), event("stop", 10, patient="2")),
    version("r/2", "2"),
    # Somebody of whom there are reports, and no period.
    event("stop", 0, patient="3"),
]
ROWS = [
    ("2", "X", "2021-01-01T07:00:00Z", "2021-01-02T06:00:00Z"),
    ("K 7", "Heparin", "2021-01-01T00:00:00Z", None),
    ("K 7", "Insulin", "2021-01-01T01:00:00Z", "2021-01-01T01:00:00Z"),
]


def rows_of(file: Path) -> list[tuple[object, ...]]:
    """Read an export, whatever its format; its rows in order."""
    read: Iterable[Iterable[object]]
    if file.suffix == ".parquet":
        table = pyarrow.parquet.read_table(file).to_pylist()
        read = [[_written(cell) for cell in row.values()] for row in table]
    elif file.suffix == ".ndjson":
        read = [[*json.loads(line).values()] for line in file.read_text().splitlines()]
    else:
        with file.open(newline="") as lines:
            read = [[cell or None for cell in row] for row in csv.reader(lines)][1:]
    return sorted((tuple(row) for row in read), key=repr)


def _written(cell: object) -> object:
    return f"{cell:%Y-%m-%dT%H:%M:%SZ}" if isinstance(cell, datetime) else cell


@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_all_periods_of_all_patients_are_written_in_the_format_of_the_name(
    url: str, folder: Path, ending: str
) -> None:
    fill(url, REPORTS)
    file = folder / f"periods.{ending}"

    done = export(url, "periods", file)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file} holds 3 periods of 2 patients\n"
    assert rows_of(file) == ROWS
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*folder.iterdir()] == [file]


def test_omop_s_exposures_and_maps_are_written_to_a_folder(url: str, folder: Path) -> None:
    fill(url, REPORTS)
    today = datetime.now(UTC).date()

    done = export(url, "omop", folder / "omop")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder}/omop holds 3 exposures of 2 persons\n"
    files = {file.name: file for file in (folder / "omop").iterdir()}
    assert {*files} == {"drug_exposure.csv", "person_map.csv", "drug_map.csv"}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}
    of_persons = _table(files["person_map.csv"], "person_id", "patient_id")
    persons = {person[0]: person[1] for person in of_persons}
    assert sorted(persons.values()) == ["2", "K 7"]
    found = {
        (persons[person], *rest)
        for person, *rest in _table(
            files["drug_exposure.csv"],
            "person_id",
            "drug_source_value",
            "drug_exposure_start_datetime",
            "drug_exposure_end_date",
            "drug_exposure_end_datetime",
        )
    }
    last_days = {day for *_, day, end in found if not end}
    assert last_days <= {f"{today}", f"{today + timedelta(1)}"}
    (last_day,) = last_days
    assert found == {
        ("2", "X", "2021-01-01 07:00:00", "2021-01-02", "2021-01-02 06:00:00"),
        ("K 7", "Heparin", "2021-01-01 00:00:00", last_day, ""),
        ("K 7", "Insulin", "2021-01-01 01:00:00", "2021-01-01", "2021-01-01 01:00:00"),
    }


def _table(file: Path, *columns: str) -> Iterator[tuple[str, ...]]:
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield tuple(row[name] for name in columns)


@given(events=st.lists(any_event, max_size=12), versions=any_versions())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_is_exported_of_each_patient_is_what_is_answered_about_them(
    shared_url: str, events: list[MedicationEvent], versions: list[RecordVersion]
) -> None:
    # So the examples share a database.
    name = f"{next(_prefixes)}-"
    reports: list[Report] = [
        *_named(events, name),
        *(
            RecordVersion(name + each.record_id, each.record_version, _named(each.events, name))
            for each in versions
        ),
    ]

    async def store_and_read() -> None:
        async with EventStore.at(shared_url) as store:
            if reports:
                await store.add(reports)
            found = await periods_by_patient(store)
            for patient in ("1", "2"):
                query = PeriodsQuery(patient_id=name + patient)
                reading = await store.read(query.patient_id)
                answer = json.loads(b"".join(answer_to(query, reading.events)))
                assert found[query.patient_id] == [
                    tuple(each.values()) for each in answer["periods"]
                ]

    asyncio.run(store_and_read())


def _named(events: Iterable[MedicationEvent], name: str) -> list[MedicationEvent]:
    return [replace(each, patient_id=name + each.patient_id) for each in events]


async def periods_by_patient(
    store: EventStore,
) -> defaultdict[str, list[tuple[str, str, str | None]]]:
    """Export as the commands do; give each patient's periods in the order of an answer."""
    found: defaultdict[str, list[tuple[str, str, str | None]]] = defaultdict(list)

    def write(patient_id: str, periods: Sequence[Period]) -> None:
        found[patient_id] += (
            (
                each.medication_name,
                f"{each.start:%Y-%m-%dT%H:%M:%SZ}",
                None if each.end is None else f"{each.end:%Y-%m-%dT%H:%M:%SZ}",
            )
            for each in periods
        )

    await write_all(store, write, Exported(), lambda _: None)
    for periods in found.values():
        periods.sort(key=lambda each: (each[1], each[0]))
    return found


@pytest.mark.usefixtures("small_parts")
async def test_an_export_shows_all_as_it_was_at_one_time_while_others_store_and_erase(
    url: str,
) -> None:
    before = [
        each
        for patient in "1234"
        for each in (event("start", 0, patient=patient), event("stop", 1, patient=patient))
    ]
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.add(before)
        walk = store.all_medications()
        async with aclosing(walk):
            found = [await anext(walk)]
            await other.add([event("stop", 2, patient="4"), event("start", 5, patient="5")])
            await other.erase("3")
            found += [events async for events in walk]

        assert [each for events in found for each in events] == before
        assert {events[0].patient_id async for events in store.all_medications()} == set("1245")


@pytest.mark.usefixtures("small_parts")
async def test_while_a_sqlite_file_is_exported_its_log_does_not_grow(tmp_path: Path) -> None:
    database = SqliteFile(tmp_path)
    async with EventStore.at(database.url) as store:
        await store.add([event("start", 0, patient=str(n)) for n in range(9)])
        walk = store.all_medications()
        async with aclosing(walk):
            await anext(walk)
            await store.add([event("stop", 1, patient="1")])
            with closing(sqlite3.connect(database.file)) as connection:
                busy, left, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert (busy, left) == (0, 0)
            assert (tmp_path / "events.db-wal").stat().st_size == 0


@pytest.mark.usefixtures("small_parts")
async def test_the_medications_of_a_patient_come_one_behind_another_each_whole(url: str) -> None:
    reports: list[Report] = [
        event("start", hour, patient=patient, medication=medication)
        for hour in range(5)
        for medication in "XY"
        for patient in "12"
    ]
    reports.append(version("r", "1", event("stop", 9, patient="1", medication="Y")))
    async with EventStore.at(url) as store:
        await store.add(reports)
        found = [
            (events[0].patient_id, events[0].medication_name, len(events))
            async for events in store.all_medications()
        ]

    assert sorted(found) == [("1", "X", 5), ("1", "Y", 6), ("2", "X", 5), ("2", "Y", 5)]
    assert [patient for patient, *_ in found] in (["1", "1", "2", "2"], ["2", "2", "1", "1"])


@pytest.mark.usefixtures("small_parts")
async def test_of_a_table_in_partitions_a_patient_s_medications_come_behind_another_too(
    postgres_url: str,
) -> None:
    async with EventStore.at(postgres_url, Terms(partitions=3)) as store:
        await store.add(
            [
                event("start", hour, patient=f"{patient}", medication=medication)
                for hour in range(2)
                for medication in "XY"
                for patient in range(9)
            ]
        )
        found = [events async for events in store.all_medications()]

    assert [len(events) for events in found] == [2] * 18
    patients = [events[0].patient_id for events in found]
    assert patients[::2] == patients[1::2]
    assert len({*patients}) == 9


async def test_what_can_not_be_read_ends_an_export_and_tells_the_patient_s_number(
    url: str,
) -> None:
    async with EventStore.at(url) as store:
        await store.add([event("start", 0, patient=each) for each in ("K 7", "K 8", "K 9")])
        engine = open_database(url)
        async with engine.begin() as connection:
            of_one = "(SELECT number FROM patient WHERE patient_id = 'K 8')"
            number = (await connection.execute(text(f"SELECT {of_one}"))).scalar_one()
            await connection.execute(text(f"UPDATE event SET action = 77 WHERE patient = {of_one}"))
        await engine.dispose()
        with pytest.raises(UnreadableEvents) as raised:
            await periods_by_patient(store)

    assert str(raised.value) == (
        f"an event that is stored of the patient with the number {number} in the table patient "
        "can't be read: another program has written it"
    )


@pytest.mark.parametrize("partitions", [0, 3])
async def test_how_many_events_there_are_is_told_as_postgresql_knows_it_and_not_counted(
    postgres_url: str, partitions: int
) -> None:
    reports: list[Report] = [event("start", hour) for hour in range(20)]
    reports.append(version("r", "1", event("stop", 9)))
    async with EventStore.at(postgres_url, Terms(partitions=partitions)) as store:
        await store.add(reports)
        engine = open_database(postgres_url)
        async with engine.begin() as connection:
            await connection.execute(text("ANALYZE"))
        await engine.dispose()

        assert await store.about_all() == 21


@pytest.mark.parametrize("shape", ["many patients", "a giant"])
async def test_the_memory_of_an_export_does_not_grow_with_the_events(
    url: str, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "EVENTS_A_PART", 200)
    written = 0

    def write(_: str, periods: Sequence[Period]) -> None:
        nonlocal written
        written += len(periods)

    async with EventStore.at(url) as store:
        peaks = []
        for events in (2_000, 16_000):
            await store.add([*_events_of(shape, events)])
            # What is imported and prepared but once does not count.
            await write_all(store, write, Exported(), lambda _: None)
            tracemalloc.start()
            try:
                await write_all(store, write, Exported(), lambda _: None)
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()

    assert written == (2_000 + 16_000) * 2 // 2
    # All of them would take megabytes.
    assert peaks[1] - peaks[0] < 200_000


def _events_of(shape: str, events: int) -> Iterator[MedicationEvent]:
    """Report doses; again and more of them each time."""
    for number in range(events // 2):
        patient = "1" if shape == "a giant" else str(number // 20)
        for action, hour in (("start", number), ("stop", number + 0.5)):
            yield event(action, hour, patient=patient, medication=f"Medication {number // 10}")


STOPPED_IN_THE_MIDDLE = """
import os, signal, sys
from consumer_app.__main__ import main
from consumer_app.exports import periods

written = periods.csv_rows
number = getattr(signal, sys.argv.pop(1))

def stopped(patient_id, found):
    if patient_id == "2":
        os.kill(os.getpid(), number)
    return written(patient_id, found)

periods.csv_rows = stopped
main()
"""


def stop_in_the_middle(
    signal_name: str, environment: dict[str, str], file: Path
) -> subprocess.CompletedProcess[str]:
    """Export three patients' periods in a process that a signal stops at the second."""
    for patient in "123":
        fill(environment["DATABASE_URL"], [event("start", 0, patient=patient)])
    return subprocess.run(
        [sys.executable, "-c", STOPPED_IN_THE_MIDDLE, signal_name, "export", "periods", file],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def environment(url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "AUDIT_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/audit.db",
        "AUDIT_KEY_FILE": f"{tmp_path}/audit.key",
    }


@pytest.mark.fault("an export is killed in the middle")
def test_an_export_that_is_killed_has_not_its_name_and_begun_again_is_whole(
    environment: dict[str, str], folder: Path
) -> None:
    file = folder / "periods.csv"

    killed = stop_in_the_middle("SIGKILL", environment, file)

    assert killed.returncode == -9, killed.stderr
    assert not file.exists()

    done = run_command(environment, "export", "periods", str(file))

    assert done.returncode == 0
    assert done.stderr == f"{file} was begun before, and not finished: it is begun anew\n"
    assert [row[0] for row in rows_of(file)] == ["1", "2", "3"]
    assert [*folder.iterdir()] == [file]


def test_nothing_is_left_of_an_export_that_is_interrupted(
    environment: dict[str, str], folder: Path
) -> None:
    interrupted = stop_in_the_middle("SIGINT", environment, folder / "periods.csv")

    assert interrupted.returncode == 130, interrupted.stderr
    assert interrupted.stdout == ""
    assert [*folder.iterdir()] == []


OF_MUCH_MEMORY = """
import sys
from pathlib import Path
from consumer_app import memory
from consumer_app.__main__ import main
from consumer_app.exports import periods

memory.CGROUP_LIMITS = [Path(sys.argv.pop(1))]
periods.csv_rows = lambda *_: b" " * 250 * 1024 * 1024
main()
"""


@pytest.mark.fault("an export takes more memory than there is beside the consumer")
def test_an_export_ends_before_it_takes_the_consumer_s_memory(
    environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    fill(environment["DATABASE_URL"], REPORTS)
    limit = tmp_path / "memory.max"
    limit.write_text(f"{512 * 1024 * 1024}\n")
    done = {}
    for ending in ("csv", "ndjson", "parquet"):
        command = (limit, "export", "periods", folder / f"periods.{ending}")
        done[ending] = subprocess.run(
            [sys.executable, "-c", OF_MUCH_MEMORY, *command],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done["csv"].returncode == 2
    assert done["csv"].stderr == (
        "it takes more memory than there is beside the consumer: give it a container of its own\n"
    )
    # What does not take so much has room.
    for ending in ("ndjson", "parquet"):
        assert (done[ending].returncode, done[ending].stderr) == (0, "")
    assert {file.name for file in folder.iterdir()} == {"periods.ndjson", "periods.parquet"}


async def test_of_a_giant_medication_some_periods_are_written_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_PERIODS_AT_ONCE", 4)
    written: list[Sequence[Period]] = []
    exported = Exported()
    async with EventStore.at(SqliteFile(tmp_path).url) as store:
        await store.add([event(each, hour) for hour in range(10) for each in ("start", "stop")])
        await write_all(store, lambda _, periods: written.append(periods), exported, lambda _: None)

    assert [len(each) for each in written] == [4, 4, 2]
    assert [period.start.hour for each in written for period in each] == [*range(10)]
    assert (exported.patients, exported.periods) == (1, 10)


def test_an_export_is_recorded_and_one_that_only_answers_may_be_asked_for_it(
    url: str, environment: dict[str, str], folder: Path
) -> None:
    fill(url, REPORTS)
    environment["CONSUMER_RECEIVES"] = "false"
    file = folder / "periods.csv"

    assert run_command(environment, "export", "periods", str(file)).returncode == 0
    assert rows_of(file) == ROWS
    listed = run_command(environment, "audit", "list").stdout

    assert f"export periods\t-\t{urlencode({'file': file})}\n" in listed
