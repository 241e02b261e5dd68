"""`python -m consumer_app database` over real databases: SQLite files in use and damaged."""

import asyncio
import os
import sqlite3
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from consumer_app.rules.periods import medication_periods
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent, RecordVersion, explain_event
from local.postgres import PrivatePostgres
from tests.commands import run_command
from tests.databases import PostgresDatabase

STOPS_IN_2019 = ("2019-01-01T00:00:00Z", "2019-01-05T00:00:00Z")
BEFORE = "2020-01-01T00:00:00Z"


def period(
    patient: str, start: str, stop: str | None, order: str | None = None
) -> list[MedicationEvent]:
    row = {"patient_id": patient, "medication_name": "Heparin", "order_id": order}
    rows = [row | {"action": "start", "event_time": start}]
    if stop is not None:
        rows.append(row | {"action": "stop", "event_time": stop})
    return [explain_event(each) for each in rows]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def fill(file: Path, *histories: list[MedicationEvent]) -> None:
    fill_at(url_of(file), *histories)


def fill_at(url: str, *histories: list[MedicationEvent]) -> None:
    async def add() -> None:
        async with EventStore.at(url) as store:
            await store.add([event for history in histories for event in history])

    asyncio.run(add())


def stored(file: Path, patient: str) -> Sequence[MedicationEvent]:
    return stored_at(url_of(file), patient)


def stored_at(url: str, patient: str) -> Sequence[MedicationEvent]:
    async def read() -> Sequence[MedicationEvent]:
        async with EventStore.at(url) as store:
            return await store.events_of(patient)

    return asyncio.run(read())


def database(file: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    return database_at(url_of(file), *arguments, stdin=stdin)


def database_at(url: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    return run_command({"DATABASE_URL": url}, "database", *arguments, stdin=stdin)


def test_a_backup_made_while_events_are_stored_is_whole_and_opens_as_a_database(
    file: Path, tmp_path: Path
) -> None:
    fill(file, period("1", *STOPS_IN_2019))
    ended = threading.Event()

    def write_on() -> None:
        async def add() -> None:
            async with EventStore.at(url_of(file)) as store:
                number = 0
                while not ended.is_set():
                    # Both events of a period in one transaction: never one without the other.
                    await store.add(period(f"busy-{number}", *STOPS_IN_2019))
                    number += 1

        asyncio.run(add())

    writer = threading.Thread(target=write_on)
    writer.start()
    copy = tmp_path / "backup.db"
    try:
        done = database(file, "backup", str(copy))
    finally:
        ended.set()
        writer.join()

    assert done.returncode == 0, done.stderr
    with sqlite3.connect(copy) as connection:
        (events,) = connection.execute("SELECT count(*) FROM medication_event").fetchone()
    connection.close()
    assert events % 2 == 0
    assert done.stdout == f"{copy} holds {events} events\n"
    assert len(stored(copy, "1")) == 2
    assert copy.stat().st_mode & 0o077 == 0, "it names patients"


def test_a_backup_replaces_no_file(file: Path, tmp_path: Path) -> None:
    fill(file, period("1", *STOPS_IN_2019))
    there = tmp_path / "there"
    there.write_text("kept")

    done = database(file, "backup", str(there))

    assert (done.returncode, there.read_text()) == (2, "kept")
    assert done.stderr == f"{there} is there already: name another file\n"


def test_a_backup_that_can_not_be_written_says_so_and_leaves_nothing(
    file: Path, tmp_path: Path
) -> None:
    fill(file, period("1", *STOPS_IN_2019))

    done = database(file, "backup", str(tmp_path / "no-such-folder" / "backup.db"))

    assert done.returncode == 2
    assert done.stderr.endswith("can't be written: No such file or directory\n")


def test_a_whole_database_passes_the_check(file: Path) -> None:
    fill(file, period("1", *STOPS_IN_2019))

    done = database(file, "check")

    assert (done.returncode, done.stdout) == (0, "ok\n")


def test_a_damaged_database_fails_the_check_and_is_not_backed_up(
    file: Path, tmp_path: Path
) -> None:
    fill(file, *(period(f"patient-{number}", *STOPS_IN_2019) for number in range(500)))
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with file.open("r+b") as damaged:
        damaged.seek(5 * 4096)
        damaged.write(os.urandom(4096))

    done = database(file, "check")
    backup = database(file, "backup", str(tmp_path / "backup.db"))

    assert done.returncode == 1
    assert done.stdout not in {"", "ok\n"}
    assert "patient-" not in done.stdout
    assert backup.returncode == 2
    assert "damaged" in backup.stderr or "malformed" in backup.stderr
    assert not (tmp_path / "backup.db").exists()


def test_a_backup_counts_the_events_of_records_too(file: Path, tmp_path: Path) -> None:
    alone, of_record = period("1", *STOPS_IN_2019)

    async def add() -> None:
        async with EventStore.at(url_of(file)) as store:
            await store.add(
                [alone, RecordVersion("r", "1", [of_record]), RecordVersion("r", "2", [])]
            )

    asyncio.run(add())
    backup = tmp_path / "backup.db"
    assert database(file, "backup", str(backup)).stdout == f"{backup} holds 2 events\n"
    restored = database(tmp_path / "new.db", "restore", str(backup))
    assert restored.stdout == f"{tmp_path / 'new.db'} holds 2 events\n"


def test_a_restore_puts_the_backup_in_place_and_keeps_what_was_there(
    file: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    fill(file, period("1", *STOPS_IN_2019))
    database(file, "backup", str(backup))
    file.write_bytes(b"damaged")
    Path(f"{file}-wal").write_bytes(b"the log of another file")

    done = database(file, "restore", str(backup))

    aside, restored = done.stdout.splitlines()
    assert (done.returncode, restored) == (0, f"{file} holds 2 events")
    earlier = aside.removeprefix("what was there is ").removesuffix(" now")
    assert Path(earlier).read_bytes() == b"damaged"
    assert Path(f"{earlier}-wal").read_bytes() == b"the log of another file"
    assert file.stat().st_mode & 0o077 == 0, "it names patients"
    assert len(stored(file, "1")) == 2


def test_a_backup_is_restored_from_standard_input_to_where_there_is_nothing(
    file: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    fill(file, period("1", *STOPS_IN_2019))
    database(file, "backup", str(backup))
    lost = tmp_path / "new-disk" / "events.db"

    done = database(lost, "restore", "-", stdin=backup.read_bytes())

    assert (done.returncode, done.stdout) == (0, f"{lost} holds 2 events\n")
    assert len(stored(lost, "1")) == 2


def test_nothing_is_restored_while_a_consumer_has_the_database_open(
    file: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"

    async def restore_meanwhile() -> subprocess.CompletedProcess[str]:
        async with EventStore.at(url_of(file)) as store:
            await store.add(period("1", *STOPS_IN_2019))
            await asyncio.to_thread(database, file, "backup", str(backup))
            return await asyncio.to_thread(database, file, "restore", str(backup))

    done = asyncio.run(restore_meanwhile())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{file} is in use: stop the consumer first\n"
    expected = {"events.db", "events.db.audit", "backup.db"}
    assert {each.name for each in tmp_path.iterdir()} == expected


@pytest.mark.parametrize("backup", [b"", b"no database"])
def test_a_damaged_backup_is_not_restored(file: Path, backup: bytes) -> None:
    fill(file, period("1", *STOPS_IN_2019))

    done = database(file, "restore", "-", stdin=backup)

    assert done.returncode == 2
    assert done.stderr.startswith("the backup is damaged: ")
    assert len(stored(file, "1")) == 2


def test_a_purge_counts_first_and_deletes_only_when_told_to(file: Path) -> None:
    fill(file, period("old", *STOPS_IN_2019), period("new", "2021-01-01T00:00:00Z", None))

    counted = database(file, "purge", "--before", BEFORE)
    assert counted.stdout.startswith("2 events in 1 histories would be deleted (give --yes")
    assert len(stored(file, "old")) == 2

    deleted = database(file, "purge", "--before", BEFORE, "--yes")
    assert deleted.stdout.startswith("2 events in 1 histories deleted; 0 older histories stay")
    assert stored(file, "old") == []
    assert len(stored(file, "new")) == 1


def test_a_purge_changes_no_period_that_stays(file: Path) -> None:
    still_open = period("open", "2019-01-01T00:00:00Z", None)
    reaching_over = period("over", "2019-12-01T00:00:00Z", "2020-02-01T00:00:00Z")
    # One order ended long ago, and yet is part of a period that the other one goes on with.
    joined = [
        *period("joined", "2019-01-01T00:00:00Z", "2019-12-01T00:00:00Z", order="1"),
        *period("joined", "2019-11-01T00:00:00Z", "2020-02-01T00:00:00Z", order="2"),
    ]
    fill(file, still_open, reaching_over, joined)
    before = {patient: stored(file, patient) for patient in ("open", "over", "joined")}

    done = database(file, "purge", "--before", BEFORE, "--yes")

    assert done.stdout.startswith("0 events in 0 histories deleted; 2 older histories stay")
    for patient, events in before.items():
        assert medication_periods(stored(file, patient)) == medication_periods(events)


def test_a_purge_names_the_merge_gap_up_to_which_no_answer_changes(file: Path) -> None:
    touching = [
        *period("touching", "2019-01-01T00:00:00Z", "2019-12-01T00:00:00Z", order="1"),
        *period("touching", "2019-12-01T00:00:00Z", None, order="2"),
    ]
    ten_days_apart = [
        *period("apart", "2019-01-01T00:00:00Z", "2019-12-01T00:00:00Z", order="1"),
        *period("apart", "2019-12-11T00:00:00Z", None, order="2"),
    ]
    fill(file, touching, ten_days_apart)

    counted = database(file, "purge", "--before", BEFORE)
    assert counted.stdout.startswith("0 events in 0 histories would be deleted")
    assert counted.stdout.endswith("changes for a merge_gap up to P30D\n")

    deleted = database(file, "purge", "--before", BEFORE, "--merge-gap", "P9D", "--yes")
    assert deleted.stdout.startswith("2 events in 1 histories deleted")
    assert deleted.stdout.endswith("changes for a merge_gap up to P9D\n")
    assert [len(stored(file, patient)) for patient in ("touching", "apart")] == [3, 1]


@pytest.mark.parametrize("duration", ["P1M", "30", "-P1D"])
def test_a_merge_gap_of_no_set_length_is_refused(file: Path, duration: str) -> None:
    done = database(file, "purge", "--before", BEFORE, f"--merge-gap={duration}")

    assert done.returncode == 2
    assert "--merge-gap: is not an ISO 8601 duration" in done.stderr


@pytest.mark.parametrize(
    ("time", "problem"),
    [("yesterday", "RFC 3339"), ("2020-01-01", "RFC 3339"), ("2999-01-01T00:00:00Z", "future")],
)
def test_a_purge_before_no_time_or_a_coming_one_is_refused(
    file: Path, time: str, problem: str
) -> None:
    done = database(file, "purge", "--before", time, "--yes")

    assert done.returncode == 2
    assert "--before" in done.stderr
    assert problem in done.stderr


def test_migrate_makes_the_newest_schema(file: Path) -> None:
    done = database(file, "migrate")

    assert (done.returncode, done.stdout) == (0, "the schema is the newest\n")
    assert database(file, "check").stdout == "ok\n"


def test_patients_are_spread_over_partitions_when_a_new_postgresql_is_told_to(
    postgres: PrivatePostgres,
) -> None:
    url = PostgresDatabase(postgres).url

    assert database_at(url, "migrate", "--partitions", "4").returncode == 0
    fill_at(url, period("1", *STOPS_IN_2019), period("2", "2021-01-01T00:00:00Z", None))
    assert len(stored_at(url, "1")) == 2
    purged = database_at(url, "purge", "--before", BEFORE, "--yes")
    assert purged.stdout.startswith("2 events in 1 histories deleted")
    assert stored_at(url, "1") == []
    assert len(stored_at(url, "2")) == 1

    again = database_at(url, "migrate", "--partitions", "8")
    assert again.returncode == 2
    assert again.stderr.startswith("the table is there already, with 4 partitions")


def test_a_sqlite_file_has_no_partitions(file: Path) -> None:
    refused = database(file, "migrate", "--partitions", "4")
    assert refused.returncode == 2
    assert refused.stderr.startswith("partitions are for PostgreSQL")
