"""Whatever an operator can meet ends a command with status 2 and one line that names it."""

import logging
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumer_app.__main__ import main
from consumer_app.storage.tables import EVENTS
from local.ports import free_port
from tests.schemas import migrated_by_a_newer_program

PURGE = ["database", "purge", "--before", "2020-01-01T00:00:00Z"]
MIGRATE = ["database", "migrate"]
CHECK = ["database", "check"]
LIST = ["dead-letters", "list"]


Failure = Callable[..., str]


@pytest.fixture
def failure_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Failure]:
    """Run a command that fails, with a setting in its environment; return its one line."""

    def run(variable: str, value: object, *command: str) -> str:
        monkeypatch.setenv(variable, str(value))
        monkeypatch.setattr("sys.argv", ["consumer_app", *command])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code, printed.out) == (2, "")
        (line,) = printed.err.splitlines()
        return line

    yield run
    logging.disable(logging.NOTSET)


def sqlite(file: Path) -> tuple[str, str]:
    return "DATABASE_URL", f"sqlite+aiosqlite:///{file}"


@pytest.mark.parametrize(
    ("variable", "value", "command", "problem"),
    [
        ("DATABASE_URL", "events.db", MIGRATE, "write sqlite+aiosqlite:///FILE or postgresql"),
        (
            "DATABASE_URL",
            "postgresql+asyncpg://u:secret@h:port/d",
            PURGE,
            "write postgresql://USER:",
        ),
        ("RABBITMQ_URL", "http://localhost", LIST, "URL scheme should be 'amqp' or 'amqps'"),
        ("RABBITMQ_URL", "localhost", LIST, "valid URL"),
    ],
)
def test_a_wrong_url_is_named_with_its_variable(
    failure_of: Failure, variable: str, value: str, command: list[str], problem: str
) -> None:
    line = failure_of(variable, value, *command)

    assert line.startswith(f"Bad settings: {variable}: ")
    assert problem in line
    assert "secret" not in line


@pytest.mark.parametrize("command", [MIGRATE, PURGE], ids=["migrate", "purge"])
@pytest.mark.parametrize(
    ("host", "problem"),
    [
        # Nothing listens on the port of tcpmux; every worker must name the same one.
        ("127.0.0.1:1", "Connect call failed"),
        ("no-such-host.invalid", "Name or service not known|Temporary failure in name resolution"),
    ],
)
def test_a_postgresql_that_can_not_be_reached_is_named_without_its_password(
    failure_of: Failure, host: str, problem: str, command: list[str]
) -> None:
    line = failure_of("DATABASE_URL", f"postgresql+asyncpg://u:secret@{host}/d", *command)

    assert line.startswith("the database can't be read: ")
    assert any(each in line for each in problem.split("|"))
    assert "secret" not in line


@pytest.mark.parametrize(
    "command",
    [["database", "backup", "copy.db"], ["database", "restore", "README.md"], CHECK],
    ids=["backup", "restore", "check"],
)
def test_what_is_for_sqlite_alone_names_the_program_for_postgresql(
    failure_of: Failure, command: list[str]
) -> None:
    line = failure_of("DATABASE_URL", "postgresql+asyncpg://u:secret@h/d", *command)

    assert line.startswith("this is for a SQLite file; for PostgreSQL use pg_")


@pytest.mark.parametrize("command", [["database", "backup", "x"], CHECK, PURGE])
def test_a_database_that_is_not_there_is_named_and_not_made(
    failure_of: Failure, tmp_path: Path, command: list[str]
) -> None:
    file = tmp_path / "events.db"

    line = failure_of(*sqlite(file), *command)

    assert line == f"there is no database {file}: set DATABASE_URL to the one you mean"
    assert not file.exists()


def test_a_database_where_nothing_can_be_written_is_named(failure_of: Failure) -> None:
    # Not even by root.
    line = failure_of("DATABASE_URL", "sqlite+aiosqlite:////proc/no-such/events.db", *MIGRATE)

    assert line.startswith("the database can't be read: ")


@pytest.mark.parametrize(
    "command",
    [MIGRATE, PURGE, ["database", "runs"], ["database", "retract", "monday"]],
    ids=["migrate", "purge", "runs", "retract"],
)
def test_a_database_of_a_newer_program_is_refused(
    failure_of: Failure, tmp_path: Path, command: list[str]
) -> None:
    migrated_by_a_newer_program(tmp_path / "events.db", oldest_program="99.1.0")

    line = failure_of(*sqlite(tmp_path / "events.db"), *command)

    assert line.startswith("the database is that of a newer program, and this is ")


@pytest.fixture
def only_root_may_read(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "events.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"CREATE TABLE {EVENTS.name} (patient_id)")
    file.chmod(0)
    yield file
    file.chmod(0o600)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("command", [MIGRATE, CHECK, PURGE, ["database", "backup", "x"]])
def test_a_database_that_may_not_be_read_is_named(
    failure_of: Failure, only_root_may_read: Path, command: list[str]
) -> None:
    line = failure_of(*sqlite(only_root_may_read), *command)

    assert "unable to open database file" in line


@pytest.fixture
def small_disk(
    large_backup: Path,  # noqa: ARG001 - made before
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Let no file grow beyond 100 kB, as none does on a disk that is full."""
    audit = tmp_path_factory.mktemp("audit") / "audit.db"
    monkeypatch.setenv("AUDIT_DATABASE_URL", f"sqlite+aiosqlite:///{audit}")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def large_backup(tmp_path: Path) -> Path:
    file = tmp_path / "backup.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE {EVENTS.name} (patient_id)")
        database.execute(f"INSERT INTO {EVENTS.name} VALUES (zeroblob(1000000))")
    return file


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_named_and_no_part_of_a_backup_is_left(
    failure_of: Failure, large_backup: Path
) -> None:
    copy = large_backup.parent / "copy.db"

    line = failure_of(*sqlite(large_backup), "database", "backup", str(copy))

    assert line.startswith(f"the database can't be copied to {copy}: ")
    assert [*large_backup.parent.iterdir()] == [large_backup]


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_named_and_the_database_left_as_it_was(
    failure_of: Failure, large_backup: Path
) -> None:
    file = large_backup.parent / "data" / "events.db"
    file.parent.mkdir()
    file.write_bytes(b"damaged")

    line = failure_of(*sqlite(file), "database", "restore", str(large_backup))

    assert line == f"{file} can't be written: File too large"
    assert [*file.parent.iterdir()] == [file]
    assert file.read_bytes() == b"damaged"


def test_a_rabbitmq_that_can_not_be_reached_is_named_without_its_password(
    failure_of: Failure,
) -> None:
    url = f"amqp://guest:secret@127.0.0.1:{free_port()}/"

    line = failure_of("RABBITMQ_URL", url, *LIST)

    assert line.startswith("RabbitMQ can't be reached at 127.0.0.1:")
    assert "Connect call failed" in line
    assert "secret" not in line
