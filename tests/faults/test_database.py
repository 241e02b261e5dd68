"""The database is locked, full, shared; and nothing is acknowledged before it is durable."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from local.postgres import PrivatePostgres
from tests.databases import KINDS, SqliteFile
from tests.faults.conftest import Record, over
from tests.faults.reports import Report
from tests.faults.syscalls import killed_before, steps, strace
from tests.faults.system import System, fill, send
from tests.services import ServiceProcess, eventually

LONGER_THAN_THE_BUSY_TIMEOUT_SECONDS = 7.0


@over(*KINDS)
@pytest.mark.fault("database locked by another program for a minute")
def test_a_database_that_another_program_locks_is_waited_for(
    system: System, full: bool, record: Record
) -> None:
    consumer = system.start_consumer()
    with system.traffic():
        with system.database.locked():
            ends = time.monotonic() + (60 if full else LONGER_THAN_THE_BUSY_TIMEOUT_SECONDS)
            eventually(lambda: "lock" in _database_problem(consumer))
            answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": "patient-1"})
            assert answer.status_code == 200, "reading goes on"
            time.sleep(max(0.0, ends - time.monotonic()))
        consumer.wait_until_ready()

    record(1, system, consumer)


def _database_problem(consumer: ServiceProcess) -> str:
    problems = consumer.readiness() or {}
    return problems.get("storing") or problems.get("database", "")


@pytest.mark.parametrize(
    "take_down",
    [
        pytest.param(
            PrivatePostgres.stop,
            id="stopped",
            marks=[
                pytest.mark.long,
                pytest.mark.fault("PostgreSQL stopped and started under load"),
            ],
        ),
        pytest.param(
            PrivatePostgres.kill,
            id="killed",
            marks=pytest.mark.fault("PostgreSQL killed (-9) and started under load"),
        ),
    ],
)
@over("postgresql")
def test_a_postgresql_that_goes_away_under_load_loses_and_doubles_nothing(
    take_down: Callable[[PrivatePostgres], None],
    system: System,
    own_postgres: PrivatePostgres,
    chance: random.Random,
    full: bool,
    record: Record,
) -> None:
    times = 5 if full else 1
    system.environment["DATABASE_URL"] = own_postgres.url
    consumer = system.start_consumer()
    with system.traffic():
        for _ in range(times):
            time.sleep(chance.uniform(0.5, 2))
            take_down(own_postgres)
            eventually(lambda: _database_problem(consumer))
            own_postgres.start()
            consumer.wait_until_ready()

    record(times, system, consumer)


@over("sqlite")
@pytest.mark.fault("file system of the database full")
def test_a_full_disk_is_reported_and_work_goes_on_once_there_is_room(
    system: System,
    small_disk: Path,
    tmp_path: Path,
    chance: random.Random,
    full: bool,
    record: Record,
) -> None:
    times = 3 if full else 1
    system.environment["DATABASE_URL"] = f"sqlite+aiosqlite:///{small_disk / 'events.db'}"
    # It would tell all the time that so small a disk has little room.
    system.environment["AUDIT_DATABASE_URL"] = f"sqlite+aiosqlite:///{tmp_path / 'audit.db'}"
    consumer = system.start_consumer()
    with system.traffic():
        for _ in range(times):
            time.sleep(chance.uniform(0.5, 2))
            filler = small_disk / "filler"
            fill(filler)
            eventually(lambda: "full" in _database_problem(consumer))
            filler.unlink()
            consumer.wait_until_ready()

    record(times, system, consumer)


@over(*KINDS)
@pytest.mark.fault("several consumers start on one new database")
def test_consumers_that_start_together_on_one_new_database_share_it(
    system: System, full: bool, record: Record
) -> None:
    count = 4 if full else 2
    consumers = [system.start("consumer") for _ in range(count)]
    for consumer in consumers:
        consumer.wait_until_ready()
    with system.traffic():
        time.sleep(2)

    for consumer in consumers[1:]:
        consumer.stop()
    record(count, system, consumers[0])
    for consumer in consumers:
        assert "locked" not in consumer.log.read_text()


@over("sqlite")
@pytest.mark.fault("power cut at any acknowledgement (system calls traced)")
def test_nothing_is_acknowledged_before_its_write_is_synced_to_the_disk(
    system: System, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    consumer = system.start_consumer(wrapper=strace(trace))
    # Some come again: their events are there, and yet there is something to write.
    for count, report in enumerate(system.reports.take(25), start=1):
        send(system.broker, report.line)
        eventually(partial(_is_acknowledged, trace, count))
    consumer.kill()

    done = list(steps(trace))
    for before_the_ack in _split(done[: _last(done, "ack") + 1]):
        assert "sync" in before_the_ack[before_the_ack.index("write") :]


@over("sqlite")
@pytest.mark.fault("power cut, rows there that nobody had synced (system calls traced)")
def test_what_another_program_has_not_synced_is_synced_before_it_is_acknowledged(
    system: System, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    consumer = system.start_consumer(wrapper=strace(trace))
    (report,) = system.reports.take(1)
    with closing(sqlite3.connect(_file_of(system), isolation_level=None)) as other:
        other.execute("PRAGMA synchronous = OFF")
        other.execute("INSERT INTO patient (patient_id) VALUES (?)", report[:1])
        other.execute("INSERT INTO medication (medication_name) VALUES (?)", report[1:2])
        other.execute(_INSERT, report)
        begun = len([*steps(trace)])
        send(system.broker, report.line)
        eventually(partial(_is_acknowledged, trace, 1))
        assert list(system.stored(consumer)) == [report]
        consumer.kill()

    (before_the_ack,) = _split([*steps(trace)][begun:])
    assert "sync" in before_the_ack[before_the_ack.index("write") :]


_INSERT = """
    INSERT INTO event
    (patient, medication, action, event_time, order_id, event_id, received_at, run)
    SELECT patient.number, medication.number, iif(?3 = 'start', 0, 1),
    strftime('%s', ?4) * 1000000, ifnull(?5, ''), ?6, 1800000000000000, 0
    FROM patient, medication WHERE patient_id = ?1 AND medication_name = ?2
"""


def _file_of(system: System) -> Path:
    assert isinstance(system.database, SqliteFile)
    return system.database.file


@over("sqlite")
@pytest.mark.fault("consumer killed (-9) in a sync, started, and the power cut")
def test_what_is_acknowledged_outlives_a_kill_in_the_middle_of_a_sync_and_a_power_cut(
    system: System, tmp_path: Path, full: bool, record: Record
) -> None:
    times = 20 if full else 1
    for number in range(times):
        killed = system.start_consumer()
        first, report = _two_new(system)
        # The first of a new log syncs the head of the log, before there is anything in it.
        send(system.broker, first.line)
        eventually(partial(_is_stored, first, system, killed))
        synced = _contents(_file_of(system))
        with killed_before(killed.process.pid, "fsync", "fdatasync"):
            send(system.broker, report.line)
            killed.process.wait(60)

        trace = tmp_path / f"trace-{number}"
        # Another program that has the file open keeps SQLite from syncing when a connection closes.
        with closing(sqlite3.connect(_file_of(system))) as other:
            other.execute("SELECT count(*) FROM medication_event")
            again = system.start_consumer(wrapper=strace(trace))
            eventually(partial(_is_acknowledged, trace, 1))
            again.kill()
        if "sync" not in steps(trace):
            _put_back(synced)

    record(times, system, system.start_consumer())


def _two_new(system: System) -> list[Report]:
    known = set(system.reports.distinct)
    while len(new := system.reports.distinct - known) < 2:
        system.reports.take(1)
    return [*new]


def _is_stored(report: Report, system: System, consumer: ServiceProcess) -> bool:
    return report in system.stored(consumer)


def _contents(database: Path) -> dict[Path, bytes | None]:
    """Read a database's file and its log, which are on the disk as they are."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return {file: file.read_bytes() if file.exists() else None for file in files}


def _put_back(contents: dict[Path, bytes | None]) -> None:
    """Leave of a database what was on the disk, as a power cut does."""
    for file, content in contents.items():
        if content is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(content)


def _is_acknowledged(trace: Path, count: int) -> bool:
    return list(steps(trace)).count("ack") == count


def _last(done: list[str], step: str) -> int:
    return len(done) - 1 - done[::-1].index(step)


def _split(done: list[str]) -> Iterator[list[str]]:
    """Give what was done before each ack, since the one before."""
    since: list[str] = []
    for step in done:
        if step == "ack":
            yield since
            since = []
        else:
            since.append(step)
