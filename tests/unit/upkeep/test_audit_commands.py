"""Operators list, verify, export and purge the audit, and each time leave a record themselves."""

import asyncio
import getpass
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consumer_app.__main__ import cli
from consumer_app.audit.archive import Archive
from consumer_app.audit.audit import Audit
from consumer_app.audit.chain import Codes, Head
from consumer_app.audit.commands import record_command
from consumer_app.audit.key import read_key
from consumer_app.audit.records import READ, REFRESH, Record, now, time_of_record
from consumer_app.audit.sinks import SqliteSink
from consumer_app.audit.verification import told
from consumer_app.upkeep import CommandFailed


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    monkeypatch.delenv("AUDIT_KEY_FILE")
    return tmp_path / "events.db.audit"


def read_of(patient: str, time: str | None = None, kind: str = READ) -> Record:
    return Record(
        time=time or now(),
        kind=kind,
        outcome=200,
        subject=f"nurse-{patient}",
        server="consumer-0",
        method="GET",
        route="/periods",
        patient=patient,
    )


def recorded(file: Path, *records: Record) -> None:
    """Record as a service does."""

    async def run() -> None:
        async with Audit(SqliteSink(file), Path(f"{file}.key")) as audit:
            for record in records:
                await audit.record(record)

    asyncio.run(run())


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["audit", *arguments], input=stdin)


def change(file: Path, statement: str, values: Sequence[object] = ()) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        assert connection.execute(statement, values).rowcount


def ago(**time: int) -> str:
    return time_of_record(datetime.now(UTC) - timedelta(**time))


def test_who_has_read_of_a_patient_is_listed(file: Path) -> None:
    recorded(file, read_of("2"), read_of("3"), read_of("2", kind=REFRESH))

    listed = run("list", "--patient", " 2 ")

    reads, own = listed.stdout.splitlines()
    assert "\tnurse-2\t" in reads
    assert "\trefreshed 1 times until " in reads
    assert own.split("\t")[1:] == ["command", "-", *(own.split("\t")[3:])]
    assert "\taudit list\t2\t" in own


def test_what_is_listed_is_of_one_subject_and_time(file: Path) -> None:
    recorded(file, read_of("1", ago(days=3)), read_of("2", ago(days=2)), read_of("3", ago(days=1)))
    since, until = ago(days=2, hours=1), ago(hours=1)

    def patients(*options: str) -> list[str]:
        lines = run("list", "--until", until, *options).stdout.splitlines()
        return [line.split("\t")[7] for line in lines]

    assert patients() == ["1", "2", "3"]
    assert patients("--since", since) == ["2", "3"]
    assert patients("--subject", "nurse-3") == ["3"]
    assert patients("--since", since, "--subject", "nurse-1") == []


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--patient", "a\x00", "holds control characters"),
        ("--since", "yesterday", "--since"),
        ("--until", "2026-01-31T00:00:00", "--until"),
    ],
)
def test_a_bad_option_is_told_of_and_nothing_recorded(
    file: Path, option: str, value: str, told: str
) -> None:
    recorded(file, read_of("2"))
    refused = run("list", option, value)

    assert refused.exit_code == 2
    assert told in refused.stderr
    assert "audit list" not in run("list").stdout.splitlines()[0]


def test_a_whole_audit_is_verified(file: Path) -> None:
    recorded(file, *map(read_of, "123"))
    recorded(file, *map(read_of, "45"))
    whole = run("verify")

    assert (whole.exit_code, whole.stdout) == (0, "ok: 6 records\n")
    assert "give --log" in whole.stderr


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE audit_record SET record = replace(record, 'nurse', 'other') WHERE number = 2",
            "chain 1: record 2 is not as it was recorded, or not in its place\n",
        ),
        (
            "DELETE FROM audit_record WHERE number = 2",
            "chain 1: record 2 is missing\n",
        ),
    ],
)
def test_what_was_changed_or_deleted_is_found(file: Path, statement: str, told: str) -> None:
    recorded(file, *map(read_of, "123"))
    change(file, statement)
    found = run("verify")

    assert (found.exit_code, found.stdout) == (1, told)
    assert "nurse" not in found.output


def test_a_cut_tail_is_found_by_the_log(
    file: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level("INFO"):
        recorded(file, *map(read_of, "123"))
    log = tmp_path / "consumer.log"
    log.write_text(caplog.text)
    assert run("verify", "--log", str(log)).exit_code == 0
    change(file, "DELETE FROM audit_record WHERE chain = 1 AND number > 1")

    assert run("verify").exit_code == 0
    found = run("verify", "--log", "-", stdin=caplog.text)
    assert (found.exit_code, found.stdout) == (1, "chain 1: records 2 to 3 are missing\n")


def test_another_key_does_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(file, read_of("2"))
    other = tmp_path / "other.key"
    other.write_text("00" * 32)
    monkeypatch.setenv("AUDIT_KEY_FILE", str(other))

    assert str(run("verify").exception).startswith(f"{other} is not the key of this audit")


def test_a_log_that_holds_other_bytes_too_is_read(file: Path, tmp_path: Path) -> None:
    recorded(file, read_of("2"))
    log = tmp_path / "consumer.log"
    log.write_bytes(b"\xff\n" + told(Head(1, 2, bytes(32))).encode())

    assert run("verify", "--log", str(log)).stdout == "chain 1: record 2 is missing\n"


def test_each_refresh_is_listed_where_that_is_asked_for(file: Path) -> None:
    recorded(file, read_of("2"), read_of("2", kind=REFRESH))

    assert "refreshed 1 times" in run("list", "--patient", "2").stdout
    lines = run("list", "--patient", "2", "--all").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines[:2]] == ["read", "refresh"]


def test_what_is_exported_is_a_line_of_json_each(file: Path) -> None:
    recorded(file, read_of("2"), read_of("3"))
    exported = run("export", "--patient", "2")

    query, own = map(json.loads, exported.stdout.splitlines())
    assert query["entity"][0]["what"]["identifier"]["value"] == "2"
    assert own["subtype"] == [{"display": "audit export"}]


def test_a_purge_counts_first_and_keeps_the_rest_verifiable(file: Path) -> None:
    old, new = ago(days=30), ago(minutes=1)
    recorded(file, read_of("1", old), read_of("2", old))
    recorded(file, read_of("3", old), read_of("4", new), read_of("5", new))
    before = ago(days=1)

    assert run("purge", "--before", before).stdout.startswith("3 records would be removed")
    assert run("purge", "--before", before, "--yes").stdout == "3 records removed\n"
    listed = run("list").stdout
    assert [line.split("\t")[7] for line in listed.splitlines()[:2]] == ["4", "5"]
    assert run("verify").exit_code == 0
    change(file, "DELETE FROM audit_record WHERE chain = 2 AND number = 2")
    assert run("verify").stdout == "chain 2: record 2 is missing\n"


def test_a_deletion_is_no_purge(file: Path) -> None:
    recorded(file, *map(read_of, "12"))
    recorded(file, read_of("3", ago(days=2)))
    run("purge", "--before", ago(days=1), "--yes")
    change(file, "UPDATE audit_anchor SET chain = 1, number = 2 WHERE chain = 2")
    change(file, "DELETE FROM audit_record WHERE chain = 1")

    found = run("verify")
    assert "chain 1: what tells that its beginning was purged is forged" in found.stdout
    assert "chain 2: is missing" in found.stdout


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM audit_record WHERE number = 1", "record 1 is missing"),
        ("DELETE FROM audit_record WHERE number = 2", "record 2 is missing"),
        (
            "UPDATE audit_record SET record = replace(record, 'nurse', 'other') WHERE number = 3",
            "record 3 is not as it was recorded, or not in its place",
        ),
    ],
)
def test_a_purge_hides_no_deletion_nor_change(file: Path, statement: str, told: str) -> None:
    recorded(file, *(read_of(patient, ago(days=2)) for patient in "123"), read_of("4"))
    change(file, statement)
    before = run("verify").stdout
    refused = run("purge", "--before", ago(days=1), "--yes")

    assert str(refused.exception) == f"what is not whole is not purged: chain 1: {told}"
    assert run("verify").stdout == before == f"chain 1: {told}\n"


async def test_of_two_purges_at_once_each_counts_what_it_has_removed(file: Path) -> None:
    await asyncio.to_thread(recorded, file, *(read_of(each, ago(days=2)) for each in "123"))
    codes = Codes(read_key(Path(f"{file}.key")))

    async def purge() -> int:
        async with Archive(f"sqlite+aiosqlite:///{file}") as archive:
            return await archive.purge(ago(days=1), codes)

    assert sorted(await asyncio.gather(purge(), purge())) == [0, 3]


def test_what_is_old_behind_what_is_new_stays_as_a_clock_was_set_back(file: Path) -> None:
    recorded(file, read_of("1", ago(days=9)), read_of("2"), read_of("3", ago(days=9)))

    assert run("purge", "--before", ago(days=1), "--yes").stdout == "1 records removed\n"
    assert run("verify").exit_code == 0


def test_a_purge_of_the_future_is_refused(file: Path) -> None:
    recorded(file, read_of("2"))
    refused = run("purge", "--before", ago(days=-1), "--yes")

    assert refused.exit_code == 2
    assert "lies in the future" in refused.stderr


@pytest.mark.usefixtures("file")
def test_a_command_is_recorded_with_user_options_and_patient() -> None:
    record_command("dead-letters drop", patient="2", number=3, yes=True, other=None)

    [line, _] = run("list").stdout.splitlines()
    user = getpass.getuser()
    assert line.split("\t")[1:] == [
        *("command", "-", user, "-", "-", "dead-letters drop", "2", "number=3&yes=True")
    ]


def test_an_audit_that_is_not_there_is_not_made_by_who_looks_at_it(file: Path) -> None:
    for command in (["list"], ["verify"], ["export"], ["purge", "--before", ago(days=1)]):
        failed = run(*command)
        assert isinstance(failed.exception, CommandFailed)
        assert str(failed.exception).startswith(f"there is no audit {file}: set AUDIT_DATABASE_URL")
    assert not file.exists()


def test_what_can_not_be_recorded_is_not_done(file: Path) -> None:
    recorded(file, read_of("2"))
    Path(f"{file}.key").unlink()

    failed = run("list")
    assert failed.stdout == ""
    assert "is missing: put it back" in str(failed.exception)
