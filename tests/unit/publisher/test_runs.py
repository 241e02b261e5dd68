"""The run of an input: the same for a file that is published again, another for any other."""

import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from contracts import MAX_IDENTIFIER_CHARACTERS
from publisher_app.__main__ import main
from publisher_app.runs import run_of_input, source_of_input, source_of_request


def test_a_file_is_the_same_run_wherever_it_lies_and_another_once_it_is_changed(
    tmp_path: Path,
) -> None:
    runs = []
    for folder, content, seconds in (
        ("a", "1", 0.5),
        ("b", "1", 0.5),
        ("a", "22", 0.5),
        ("a", "1", 1),
    ):
        file = tmp_path / folder / "events.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        os.utime(file, (0, seconds))
        runs.append(run_of_input(str(file), file.stat()))

    assert runs == [
        "events.csv/1/1970-01-01T00:00:00.500000Z",
        "events.csv/1/1970-01-01T00:00:00.500000Z",
        "events.csv/2/1970-01-01T00:00:00.500000Z",
        "events.csv/1/1970-01-01T00:00:01.000000Z",
    ]


def test_a_pipe_is_another_run_each_time(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first, second = (run_of_input(str(pipe), pipe.stat()) for _ in range(2))
    assert first.startswith("pipe/20")
    assert first != second


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        (b"tab\tnew\nline", "tab?new?line/0/"),
        (b"latin \xe9", "latin ?/0/"),
        ("zero\u200bwidth".encode(), "zero?width/0/"),
        ("heart\u2764\ufe0f".encode(), "heart\u2764?/0/"),
        ("a\u034fb\u3164c\u2800.csv".encode(), "a?b?c?.csv/0/"),
        ("a\u00a0\u3000b \ue000".encode(), "a b \ue000/0/"),
        (b"x" * 250, "x" * 90),
        ("\u0958".encode() * 80, "\u0915\u093c"),
    ],
)
def test_a_file_may_have_any_name(tmp_path: Path, name: bytes, beginning: str) -> None:
    file = tmp_path / os.fsdecode(name)
    file.touch()

    run = run_of_input(str(file), file.stat())

    assert run.startswith(beginning)
    assert run.endswith("Z")
    assert len(run) <= MAX_IDENTIFIER_CHARACTERS


def test_the_help_says_what_is_the_run_and_that_a_retracted_one_takes_nothing() -> None:
    command = typer.Typer()
    command.command()(main)
    shown = CliRunner().invoke(command, ["--help"]).stdout
    told = " ".join(re.sub(r"\x1b\[[\d;]*m|\u2502", " ", shown).split())
    assert "one that was retracted takes nothing any more" in told
    assert "default: (FILE's name, size and time of change)" in told


def test_an_input_is_known_by_its_name_and_not_by_the_folder_that_it_lies_in() -> None:
    named = source_of_input("/ward/patient 4711/events.csv", run_is_named=False)
    assert named == "file events.csv"
    assert source_of_input("a;b\n\udcff.csv", run_is_named=False) == "file a?b ?.csv"
    assert source_of_input("-", run_is_named=False) == "stdin"


def test_the_name_of_a_file_stays_here_where_somebody_has_named_the_run() -> None:
    assert source_of_input("/ward/Miller 4711.csv", run_is_named=True) == "file"
    assert source_of_input("-", run_is_named=True) == "stdin"


def test_a_request_is_known_by_who_sends_it_and_from_where() -> None:
    assert source_of_request("pump-gateway", "10.0.0.7") == "pump-gateway at 10.0.0.7"
    assert source_of_request("pump-gateway", None) == "pump-gateway"
    longest = source_of_request("s" * 300, "10.0.0.7")
    assert (len(longest), longest[-13:]) == (256, "s at 10.0.0.7")
    assert source_of_request("a; b", "10.0.0.7") == "a? b at 10.0.0.7"
