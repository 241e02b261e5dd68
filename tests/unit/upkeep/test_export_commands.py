"""An export that can't be made ends with one line that says why, and leaves nothing."""

import asyncio
import builtins
import io
import re
import resource
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumer_app import memory
from consumer_app.__main__ import cli, main
from consumer_app.exports import parquet
from consumer_app.storage import sqlite
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from tests.records import event

DISK_BYTES = 300_000


@pytest.fixture(autouse=True)
def nothing_bounds_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands, which run in the tests' process, bound nothing there."""
    monkeypatch.setattr(memory, "CGROUP_LIMITS", ())


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "events.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "exports"
    found.mkdir()
    return found


@pytest.fixture
def fill_the_disk() -> Iterator[Callable[[], None]]:
    """Let no file grow any more, from then on, beyond what a small database has."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_BYTES, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def fill(file: Path, patients: Iterable[str], doses: int, medication: str = "Heparin") -> None:
    async def add() -> None:
        async with EventStore.at(f"sqlite+aiosqlite:///{file}") as store:
            await store.add(
                [
                    event(action, hour, patient=patient, medication=medication)
                    for patient in patients
                    for hour in range(doses)
                    for action in ("start", "stop")
                ]
            )

    asyncio.run(add())


def failure_of(*command: object) -> str:
    done = CliRunner().invoke(cli, ["export", *map(str, command)])
    assert isinstance(done.exception, CommandFailed | DatabaseUnavailable), done.output
    assert done.stdout == ""
    return str(done.exception)


@pytest.mark.parametrize(
    "command",
    [
        ("periods", "periods.csv"),
        ("periods", "periods.ndjson"),
        ("periods", "periods.parquet"),
        ("omop", "omop"),
    ],
    ids=" ".join,
)
def test_a_full_disk_is_named_and_nothing_is_left(
    command: tuple[str, str],
    database: Path,
    folder: Path,
    fill_the_disk: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So that it has no less to write than the other formats.
    monkeypatch.setattr(parquet, "_ROWS_OF_A_GROUP", 1)
    # Named in each row, and once in the database.
    fill(database, map(str, range(500)), doses=4, medication="x" * 256)
    assert database.stat().st_size < DISK_BYTES
    kind, name = command
    fill_the_disk()

    assert failure_of(kind, folder / name) == f"{folder / name} can't be written: File too large"
    assert [*folder.iterdir()] == []


def test_where_the_copy_that_is_read_has_no_room_its_folder_is_named(
    database: Path,
    folder: Path,
    fill_the_disk: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Else it would be in memory, as a small one is.
    monkeypatch.setattr(sqlite, "_FOR_A_COPY", "PRAGMA cache_size = 10")
    fill(database, map(str, range(2_000)), doses=2)
    assert database.stat().st_size > DISK_BYTES
    fill_the_disk()

    line = failure_of("periods", folder / "periods.csv")

    assert line.startswith("the database can't be copied, or its copy read: see that there is room")
    assert "which SQLITE_TMPDIR names: " in line
    assert [*folder.iterdir()] == []


def test_a_folder_for_the_copy_that_is_not_there_is_named(
    database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, ["1"], doses=1)
    monkeypatch.setenv("SQLITE_TMPDIR", f"{folder}/nowhere")

    line = failure_of("periods", folder / "periods.csv")

    assert line == f"SQLITE_TMPDIR is {folder}/nowhere, where nothing can be written"
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("command", [("periods", "there.csv"), ("omop", "there.csv")], ids=" ".join)
def test_an_export_takes_the_place_of_nothing(
    command: tuple[str, str], database: Path, folder: Path
) -> None:
    fill(database, ["1"], doses=1)
    kind, name = command
    there = folder / name
    there.write_text("kept")

    assert failure_of(kind, there) == f"{there} is there already: name another"
    assert [*folder.iterdir()] == [there]
    assert there.read_text() == "kept"


@pytest.mark.parametrize("name", ["periods", "periods.xlsx", "periods.csv.gz"])
def test_a_name_that_tells_no_format_is_refused_with_those_that_do(
    database: Path, folder: Path, name: str
) -> None:
    fill(database, ["1"], doses=1)

    line = failure_of("periods", folder / name)

    assert line == f"{folder / name}: give it a name that ends with one of .csv, .ndjson, .parquet"
    assert [*folder.iterdir()] == []


def test_parquet_without_pyarrow_is_refused_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def refuse(name: str, *arguments: object) -> object:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return imported(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    file = folder / "periods.parquet"

    assert failure_of("periods", file) == f"{file} is Parquet: install pyarrow to have it written"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("name", ["Europe/Atlantis", "../etc/passwd", ""])
def test_a_zone_that_is_none_is_refused(name: str, folder: Path) -> None:
    done = CliRunner().invoke(cli, ["export", "omop", str(folder / "omop"), "--timezone", name])

    assert done.exit_code == 2
    assert "--timezone: is no known time zone" in done.stderr.replace("\n", " ")
    assert not [*folder.iterdir()]


@pytest.mark.parametrize(
    ("setting", "options", "start"),
    [
        ("", [], "2021-01-01 00:00:00"),
        ("Europe/Berlin", [], "2021-01-01 01:00:00"),
        ("Europe/Berlin", ["--timezone", "UTC"], "2021-01-01 00:00:00"),
        ("", ["--timezone", "Asia/Kolkata"], "2021-01-01 05:30:00"),
    ],
    ids=["none", "the hospital", "the option instead", "the option"],
)
def test_exposures_are_in_the_time_of_a_zone(
    setting: str,
    options: list[str],
    start: str,
    database: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, ["1"], doses=1)
    monkeypatch.setenv("CONSUMER_TIME_ZONE", setting)

    done = CliRunner().invoke(cli, ["export", "omop", str(folder / "omop"), *options])

    assert done.exit_code == 0
    assert f",{start}," in (folder / "omop" / "drug_exposure.csv").read_text()


@pytest.mark.parametrize("ending", ["CSV", "Parquet"])
def test_the_case_of_an_ending_does_not_matter(ending: str, database: Path, folder: Path) -> None:
    fill(database, ["1"], doses=1)
    file = folder / f"periods.{ending}"

    done = CliRunner().invoke(cli, ["export", "periods", str(file)])

    assert done.stdout == f"{file} holds 1 periods of 1 patients\n"


def test_a_terminal_is_shown_how_many_events_were_read_of_how_many(
    database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    fill(database, ["1", "2"], doses=10)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("sys.argv", ["consumer_app", "export", "periods", f"{folder}/periods.csv"])
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 0
    assert re.search("40/40.* events", terminal.getvalue())
