"""Of a file of rejects a patient's rows go, and everything else stays as it is."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from publisher_app import erasure
from publisher_app.erase import main
from publisher_app.formats.records import Record
from publisher_app.rejects import Rejects

THEIRS = {"patient_id": " K\u00a07", "action": "?"}
OTHERS = {"Patient ID": "K7", "action": "é"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.csv.rejects.jsonl"


def reject(file: Path, *rows: object) -> list[bytes]:
    """Have rows rejected; return the lines of the file."""
    with Rejects(file, "monday") as rejects:
        for number, row in enumerate(rows):
            rejects.add(Record(number, row), "bad")
    return file.read_bytes().splitlines(keepends=True)


def erase(
    *arguments: str | Path, patient: str = "K 7", environment: Mapping[str, str] | None = None
) -> Any:  # noqa: ANN401 - click's result

    app = typer.Typer(add_completion=False)
    app.command()(main)
    given = ["--patient", patient, *map(str, arguments)]
    return CliRunner().invoke(app, given, env=environment)


def test_without_yes_the_rows_are_counted_and_stay(file: Path) -> None:
    lines = reject(file, THEIRS, OTHERS, THEIRS)
    done = erase(file)
    assert (done.exit_code, file.read_bytes()) == (0, b"".join(lines))
    assert done.stdout == f"{file}: 2 of 3 rejects would be erased (give --yes to do it)\n"


def test_the_rows_of_others_stay_byte_by_byte_for_their_owner_alone(file: Path) -> None:
    lines = reject(file, THEIRS, OTHERS, THEIRS, OTHERS)
    done = erase(file, "--yes")
    assert (done.exit_code, done.stdout) == (0, f"{file}: 2 of 4 rejects erased\n")
    assert file.read_bytes() == lines[1] + lines[3]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*file.parent.iterdir()] == [file]


def test_a_file_with_nothing_else_goes(file: Path) -> None:
    reject(file, THEIRS)
    assert erase(file, "--yes").exit_code == 0
    assert [*file.parent.iterdir()] == []


def test_a_file_without_the_patient_is_not_touched(file: Path) -> None:
    reject(file, OTHERS)
    before = file.stat()
    assert erase(file, "--yes").exit_code == 0
    assert file.stat().st_ino == before.st_ino


@pytest.mark.parametrize("by", ["option", "setting"])
def test_the_patient_is_in_the_column_that_was_mapped(file: Path, by: str) -> None:
    lines = reject(file, {"MRN": "K 7", "patient_id": "1"}, {"MRN": "1", "patient_id": "K 7"})
    option = ["--map", "patient_id=MRN"] if by == "option" else []
    setting = {} if by == "option" else {"PUBLISHER_MAP": "patient_id=MRN"}
    assert erase(file, "--yes", *option, environment=setting).exit_code == 0
    assert file.read_bytes() == lines[1]


@pytest.mark.parametrize(
    "row",
    [
        "K 7;Heparin",
        None,
        ["K 7"],
        {"MRN": "K 7"},
        {"patient_id": None},
        {"patient_id": "K\u200b7"},
        {"patient_id": "\udcff"},
        {"patient_id": "K 7", "p_id": "K 7"},
        {"patient_id": "K 7", "action": 'start\nK7,"stop'},
        {"patient_id": "K7", "null": ["start\rK 7,stop"]},
    ],
)
def test_a_row_that_nobody_can_tell_whose_it_is_stays_and_its_line_is_told(
    file: Path, row: object
) -> None:
    lines = reject(file, OTHERS, THEIRS, row)
    counted = erase(file)
    assert counted.exit_code == 1
    assert counted.stdout.endswith("whose 1 rejects are, and they stay: look at line 3\n")
    done = erase(file, "--yes")
    assert (done.exit_code, file.read_bytes()) == (1, lines[0] + lines[2])
    assert done.stdout.endswith("look at line 2\n")


def test_a_file_that_is_none_of_rejects_is_left_as_it_is(tmp_path: Path) -> None:
    for content in ("", "patient_id,action\nK 7,start\n", "[1]\n", '{"row": {"p_id": "K 7"}}\n'):
        file = tmp_path / "events.csv"
        file.write_text(content)
        done = erase(file, "--yes")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"{file} is no file of rejects\n"
        assert file.read_text() == content
        assert [*tmp_path.iterdir()] == [file]


@pytest.mark.fault("publisher killed (-9) while it writes rejects, and the patient erased")
def test_a_line_that_was_not_written_to_its_end_stays_and_is_told(file: Path) -> None:
    lines = reject(file, THEIRS, OTHERS, THEIRS)
    file.write_bytes(b"".join(lines)[:-20])
    done = erase(file, "--yes")
    assert (done.exit_code, file.read_bytes()) == (1, lines[1] + lines[2][:-20])
    assert done.stdout.endswith("whose 1 rejects are, and they stay: look at line 2\n")


def test_one_file_that_fails_keeps_no_other_from_being_erased(file: Path, tmp_path: Path) -> None:
    lines = reject(file, THEIRS, OTHERS, None)
    done = erase(tmp_path / "none", file, tmp_path, "--yes")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 2)
    assert file.read_bytes() == lines[1] + lines[2]


@pytest.mark.parametrize("rows", [[THEIRS, OTHERS], [THEIRS]])
def test_what_a_link_names_is_erased_and_the_link_stays(
    file: Path, tmp_path: Path, rows: list[object]
) -> None:
    lines = reject(file, *rows)
    link = tmp_path / "link" / "rejects.jsonl"
    link.parent.mkdir()
    link.symlink_to(file)
    assert erase(link, "--yes").exit_code == 0
    assert link.is_symlink()
    assert not file.exists() if rows == [THEIRS] else file.read_bytes() == lines[1]


def test_a_file_with_another_name_is_refused_as_that_would_keep_the_patient(
    file: Path, tmp_path: Path
) -> None:
    lines = reject(file, THEIRS, OTHERS)
    (tmp_path / "other").hardlink_to(file)
    done = erase(file, "--yes")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"{file} has another name, too, by which all would stay: delete that\n"
    assert file.read_bytes() == b"".join(lines)


@pytest.mark.fault("erasure of rejects killed (-9), and done again")
def test_what_a_killed_erasure_has_left_is_deleted(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = reject(file, THEIRS, OTHERS)
    (others := tmp_path / "another.rejects.jsonl.x.unfinished").mkdir()
    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(erasure, "put_in_place", lambda *_: os.kill(os.getpid(), SIGKILL))
        erase(file, "--yes")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -SIGKILL
    assert len([*tmp_path.iterdir()]) == 3
    assert file.read_bytes() == b"".join(lines)

    assert erase(file, "--yes").exit_code == 0
    assert {*tmp_path.iterdir()} == {file, others}
    assert file.read_bytes() == lines[1]


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    done = erase(file, "--yes")
    assert done.exit_code == 2
    assert done.stderr == f"{file} can't be read or written: No such file or directory\n"


def test_an_identifier_that_is_none_is_refused_without_repeating_it(file: Path) -> None:
    reject(file, THEIRS)
    done = erase(file, patient="K\u200b7")
    assert done.exit_code == 2
    assert "holds invisible characters: remove U+200B" in done.stderr
    assert "K\u200b7" not in done.stderr


def test_what_is_written_is_what_a_publisher_has_written(file: Path) -> None:
    """So that the file is removed by the next run, like any other of rejects."""
    reject(file, OTHERS, THEIRS)
    erase(file, "--yes")
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["run"] == "monday"
    assert line.startswith('{"line": ')
