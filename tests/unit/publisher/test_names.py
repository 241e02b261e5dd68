"""What lies beside a file has its name, as far as there is room."""

import os
from pathlib import Path

import pytest

from publisher_app.names import beside


def test_what_lies_beside_a_file_has_its_name_and_an_ending() -> None:
    assert beside(Path("in/a.csv"), ".reason") == Path("in/a.csv.reason")
    assert beside(Path("in/a.csv"), ".deaths", beginning=".") == Path("in/.a.csv.deaths")


@pytest.mark.parametrize("letter", ["a", "ä", "€", "💊"])
@pytest.mark.parametrize("bytes_in_all", range(230, 256))
def test_a_name_without_room_for_the_ending_is_cut_and_stays_another_for_another_file(
    letter: str, bytes_in_all: int
) -> None:
    name = letter * (bytes_in_all // len(letter.encode()) - 1)
    first, second = (beside(Path(name + last), ".rejects.jsonl").name for last in "xy")

    assert len(first.encode()) <= 255
    assert first.endswith(".rejects.jsonl")
    assert first[:20] == name[:20]
    assert first != second


def test_a_long_name_that_is_no_utf_8_is_utf_8_once_it_is_cut() -> None:
    name = os.fsdecode(b"\xdc" * 255)
    assert beside(Path(name), ".reason").name.encode().endswith(b".reason")
