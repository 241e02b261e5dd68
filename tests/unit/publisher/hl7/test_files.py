"""Files of messages, alone or in batches."""

from pathlib import Path

import pytest

from tests.unit.publisher.hl7.messages import ORDER, PATIENT, header, message, rxa, usual
from tests.unit.publisher.test_whole_files import Published, publish

ONE, TWO = usual(rxa(rxa_2="1")).decode(), usual(rxa(rxa_2="2")).decode()


async def published(folder: Path, text: str) -> Published:
    return await publish(folder, text if text.endswith("\n") else text + "\n")


async def test_messages_are_read_one_behind_another(tmp_path: Path) -> None:
    for text in (ONE + TWO, (ONE + TWO).replace("\r", "\n"), f"\x0b{ONE}\x1c\r\x0b{TWO}\x1c\r"):
        found = await published(tmp_path, text)
        assert "published 4 in 2 versions of records, rejected 0" in found.said


async def test_a_batch_says_how_many_it_holds(tmp_path: Path) -> None:
    whole = f"FHS|^~\\&\rBHS|^~\\&\r{ONE}{TWO}BTS|2\rFTS|1\r"
    assert "rejected 0" in (await published(tmp_path, whole)).said
    found = await published(tmp_path, whole.replace("BTS|2", "BTS|3").replace("FTS|1", "FTS|x"))
    assert "published 4 in 2 versions of records, rejected 2" in found.said
    assert [each["reason"] for each in found.rejects] == [
        "BTS-1: is another number of messages than the 2 before",
        "FTS-1: is another number of batches than the 1 before",
    ]


async def test_a_bad_message_is_rejected_whole_and_the_others_are_published(tmp_path: Path) -> None:
    bad = ONE.replace("PID|1||4711", "PID|1||")
    found = await published(tmp_path, bad + TWO)
    assert "published 2 in 1 versions of records, rejected 1" in found.said
    [reject] = found.rejects
    assert (reject["line"], reject["reason"], reject["row"]) == (1, "PID-3: is missing", bad)


async def test_what_stands_outside_of_messages_is_rejected(tmp_path: Path) -> None:
    found = await published(tmp_path, f"BHS|^~\\&\rPID|1\r{ONE}BTS|1\r")
    assert [each["reason"] for each in found.rejects] == [
        "is no segment of a message: MSH is missing"
    ]


@pytest.mark.parametrize(
    ("told", "written", "named"),
    [
        ("8859/1", "iso8859-1", None),
        ("8859/1", "windows-1252", "windows-1252"),
        ("", "windows-1252", "windows-1252"),
        ("UNICODE UTF-8", "utf-8", None),
        ("UNICODE UTF-16", "utf-16", "utf-16"),
    ],
)
async def test_a_file_is_read_as_it_is_said_to_be_written_else_as_each_message_says(
    tmp_path: Path, told: str, written: str, named: str | None
) -> None:
    whole = message(header(msh_18=told), PATIENT, ORDER, rxa(rxa_5="1^H\u00e9parine"))
    found = await publish(tmp_path, whole.decode().encode(written), encoding=named)
    assert found.rejects == []
    names = {event.medication_name for each in found.versions for event in each.events}
    assert names == {"H\u00e9parine"}


async def test_what_is_not_in_the_encoding_that_is_named_is_rejected(tmp_path: Path) -> None:
    bad = ONE.encode().replace(b"Heparin", b"H\x81parin")
    found = await publish(tmp_path, bad + TWO.encode(), encoding="windows-1252")
    assert "published 2 in 1 versions of records, rejected 1" in found.said
    assert [each["reason"] for each in found.rejects] == ["MSH: the message is not windows-1252"]


@pytest.mark.parametrize("trailer", ["BTS", "FTS", "BTS|\u00b2", "BTS|", "FTS|9999999999"])
async def test_a_trailer_may_be_of_any_kind(tmp_path: Path, trailer: str) -> None:
    found = await published(tmp_path, f"FHS|^~\\&\rBHS|^~\\&\r{ONE}{trailer}\r")
    counts = trailer[4:] != ""
    assert f"published 2 in 1 versions of records, rejected {counts:d}" in found.said
