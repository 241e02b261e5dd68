"""Files of messages, alone or in batches."""

from pathlib import Path

from tests.unit.publisher.hl7.messages import rxa, usual
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
