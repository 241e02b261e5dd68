"""`access new-token`: the token is printed once, and its line kept where nobody else reads it."""

import asyncio
import csv
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consumer_app.__main__ import cli
from consumer_app.upkeep import CommandFailed
from runtime.access.token_file import TokenFile, read_tokens
from tests.processes import ModuleProcess


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCESS_TOKENS", str(tmp_path / "tokens.csv"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    return tmp_path / "tokens.csv"


def new_token(*arguments: str) -> Result:
    done = CliRunner().invoke(cli, ["access", "new-token", *arguments])
    if isinstance(done.exception, CommandFailed):
        raise done.exception
    return done


def test_what_is_printed_is_a_token_of_the_file(file: Path) -> None:
    first = new_token("ward 3, left", "--scope", "periods:read", "--patient", "2")
    second = new_token("pump", "--scope", "events:write", "--scope", "periods:read")

    tokens = TokenFile(file)
    ward = asyncio.run(tokens.verify(first.stdout.strip()))
    assert (ward.subject, ward.scopes, ward.patient) == ("ward 3, left", ("periods:read",), "2")
    pump = asyncio.run(tokens.verify(second.stdout.strip()))
    assert (pump.subject, pump.scopes) == ("pump", ("events:write", "periods:read"))


def test_the_file_is_its_owner_s_alone_and_has_no_token(file: Path) -> None:
    done = new_token("ward", "--scope", "periods:read")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.stdout.strip() not in file.read_text()


def test_a_file_without_an_end_of_line_is_added_to_on_a_line_of_its_own(file: Path) -> None:
    new_token("ward", "--scope", "periods:read")
    file.write_text(file.read_text().rstrip("\n"))
    new_token("pump", "--scope", "events:write")
    assert [each.caller.subject for each in read_tokens(file)] == ["ward", "pump"]


def test_without_a_file_the_line_is_printed_beside_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ACCESS_TOKENS", raising=False)
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    done = new_token("ward", "--scope", "periods:read", "--expires", "2027-01-31")
    head, row = csv.reader(done.stderr.splitlines())
    assert head == ["name", "sha256", "scopes", "patient", "expires"]
    assert (row[0], row[2:]) == ("ward", ["periods:read", "", "2027-02-01T00:00:00Z"])
    assert done.stdout.startswith("mp_")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["ward", "--scope", "periods"], "no scope is called periods: there are events:write"),
        (["ward", "--scope", "periods:read", "--expires", "soon"], "expires: write it like"),
        (
            ["ward", "--scope", "events:write", "--patient", "2"],
            "a token for one patient only reads: leave events:write out",
        ),
        (
            ["ward", "--scope", "periods:read", "--scope", "patients:search", "--patient", "2"],
            "a token for one patient only reads: leave patients:search out",
        ),
        (["ward", "--scope", "periods:read", "--patient", ""], "--patient: "),
        (["ward", "--scope", "periods:read", "--patient", " "], "--patient: "),
        (["ward", "--scope", "periods:read", "--expires", ""], "expires: write it like"),
        (["a\nb", "--scope", "periods:read"], "a name has letters that can be seen"),
        (["known", "--scope", "periods:read"], "there is a token of that name"),
    ],
)
def test_what_can_be_no_token_is_refused_and_the_file_stays(
    file: Path, arguments: list[str], problem: str
) -> None:
    new_token("known", "--scope", "periods:read")
    before = file.read_text()
    with pytest.raises(CommandFailed, match=problem):
        new_token(*arguments)
    assert file.read_text() == before


def test_a_file_that_is_broken_is_named_with_its_line(file: Path) -> None:
    file.write_text("name,sha256,scopes,patient,expires\nward,0,periods:read,,\n")
    with pytest.raises(CommandFailed, match="line 2: sha256: is not one"):
        new_token("pump", "--scope", "events:write")


def test_those_who_make_the_first_token_at_once_write_one_header(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    making = [
        ModuleProcess(
            "consumer_app",
            ["access", "new-token", name, "--scope", "periods:read", "--file", str(file)],
            {"DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db"},
            stdout=tmp_path / f"{name}.txt",
        )
        for name in ("ward", "pump")
    ]
    assert [each.wait(60) for each in making] == [0, 0]
    assert {each.caller.subject for each in read_tokens(file)} == {"ward", "pump"}
