"""The file of tokens: what stands in it, and what becomes of it when it changes."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.access.callers import PERIODS_READ, Unauthorized
from runtime.access.token_file import (
    BadTokenFile,
    Token,
    TokenFile,
    read_expiry,
    read_tokens,
)
from tests.unit.access.gates import token_file

HEAD = "name,sha256,scopes,patient,expires"
DIGEST = "0" * 64
GOOD = f"ward,{DIGEST},periods:read,,"


def test_a_token_is_kept_as_its_digest_alone(tmp_path: Path) -> None:
    token, text = Token.new("ward", [PERIODS_READ], "2", datetime(2027, 1, 31, tzinfo=UTC))
    file = token_file(tmp_path, token)
    assert text not in file.read_text()
    assert len(text) == len("mp_") + 43
    assert read_tokens(file) == [token]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "line 1: it must be name,sha256,scopes,patient,expires"),
        ([GOOD], "line 1: it must be name,sha256,scopes,patient,expires"),
        ([HEAD, f"ward,{DIGEST},periods:read"], "line 2: a line has 5 values"),
        ([HEAD, f"{GOOD},more"], "line 2: a line has 5 values"),
        ([HEAD, f",{DIGEST},periods:read,,"], "line 2: name: is missing"),
        ([HEAD, GOOD, GOOD], "line 3: name: stands there twice"),
        ([HEAD, "ward,mp_secret,periods:read,,"], "line 2: sha256: is not one"),
        ([HEAD, f"ward,{DIGEST},periods:write,,"], "line 2: scopes: they are events:write, "),
        ([HEAD, f"ward,{DIGEST},,,"], "line 2: scopes: they are"),
        ([HEAD, f"ward,{DIGEST},periods:read,,tomorrow"], "line 2: expires: write it like"),
        ([HEAD, f"ward,{DIGEST},periods:read,,2027-01-31T12:00"], "line 2: expires: write it"),
        ([HEAD, f"ward,{DIGEST},periods:read,,9999-12-31T23:59:59-05:00"], "line 2: expires: "),
        ([HEAD, f"ward,{DIGEST},periods:read,,9999-12-31"], "line 2: expires: write it like"),
    ],
)
def test_a_wrong_line_is_named_with_its_reason(
    tmp_path: Path, lines: list[str], problem: str
) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(BadTokenFile) as refused:
        read_tokens(file)
    assert problem in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f"\ufeff{HEAD}\r\n{GOOD}\r\n")
    assert [each.caller.subject for each in read_tokens(file)] == ["ward"]


def test_a_file_that_others_may_write_to_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = token_file(tmp_path)
    for mode, warnings in ((0o600, 0), (0o644, 0), (0o664, 1)):
        file.chmod(mode)
        caplog.clear()
        TokenFile(file)
        assert len(caplog.records) == warnings


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTokenFile, match=r"none.csv can't be read: .*No such file"):
        read_tokens(tmp_path / "none.csv")


def test_a_day_counts_to_its_end_in_utc_and_a_time_has_its_offset() -> None:
    assert read_expiry("2027-01-31") == datetime(2027, 2, 1, tzinfo=UTC)
    assert read_expiry("2027-01-31T12:00:00+02:00") == datetime(2027, 1, 31, 10, tzinfo=UTC)


async def test_a_change_of_the_file_is_taken_at_once(tmp_path: Path) -> None:
    first, first_text = Token.new("first", [PERIODS_READ], None, None)
    second, second_text = Token.new("second", [PERIODS_READ], None, None)
    tokens = TokenFile(token_file(tmp_path, first))
    assert (await tokens.verify(first_text)).subject == "first"

    token_file(tmp_path, second)
    assert (await tokens.verify(second_text)).subject == "second"
    with pytest.raises(Unauthorized, match="the token is unknown"):
        await tokens.verify(first_text)


@pytest.mark.parametrize("broken", [None, "name,sha"])
async def test_a_file_that_breaks_locks_nobody_out_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    token, text = Token.new("ward", [PERIODS_READ], None, None)
    file = token_file(tmp_path, token)
    tokens = TokenFile(file)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    with caplog.at_level(logging.ERROR):
        assert (await tokens.verify(text)).subject == "ward"
        assert (await tokens.verify(text)).subject == "ward"
    assert len(caplog.records) == 1
    assert "the tokens that were read before are taken on" in caplog.text
