"""Rejected rows are kept, as they were, in a file that only its owner reads."""

import io
import json
import os
import stat
from bisect import bisect
from pathlib import Path
from typing import Any

import pytest

from publisher_app.failures import RejectsNotWritten
from publisher_app.formats.columns import Columns
from publisher_app.formats.recognition import records_of
from publisher_app.formats.records import Record
from publisher_app.rejects import Rejects, rejects_path
from tests.unit.publisher.reading import rows


def written(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_each_reject_has_its_line_its_reason_the_row_as_it_was_and_the_run(tmp_path: Path) -> None:
    row = {"a": "é\n💊", "b": [1, None]}
    with Rejects(tmp_path / "rejects", "monday") as rejects:
        rejects.add(Record(3, row), "action: Field required")
        rejects.add(Record(7, '{"a":', "is not JSON"), "is not JSON")
        rejects.add(Record(9, None, "is longer"), "is longer")
    assert written(tmp_path / "rejects") == [
        {"line": 3, "reason": "action: Field required", "row": row, "run": "monday"},
        {"line": 7, "reason": "is not JSON", "row": '{"a":', "run": "monday"},
        {"line": 9, "reason": "is longer", "row": None, "run": "monday"},
    ]


def test_bytes_that_are_not_utf_8_can_be_written_down_and_recovered(tmp_path: Path) -> None:
    with Rejects(tmp_path / "rejects", "monday") as rejects:
        for row in rows('{"a": "é"}\n'.encode() + b'{"a": "\xe9"}\n'):
            rejects.add(row, "no text")
    good, reject = written(tmp_path / "rejects")
    assert good["row"]["a"] == "é"
    assert reject["row"]["a"].encode(errors="surrogateescape") == b"\xe9"


def test_without_rejects_there_is_no_file(tmp_path: Path) -> None:
    with Rejects(tmp_path / "rejects", "monday"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_rejects_of_a_run_take_the_place_of_those_before(tmp_path: Path) -> None:
    for line in (1, 2):
        with Rejects(tmp_path / "rejects", "monday") as rejects:
            rejects.add(Record(line, "bad"), "bad")
    assert [reject["line"] for reject in written(tmp_path / "rejects")] == [2]


def test_only_the_owner_reads_the_rejects_even_where_all_could_before(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.touch(mode=0o666)
    path.chmod(0o666)
    umask = os.umask(0)
    try:
        with Rejects(path, "monday") as rejects:
            rejects.add(Record(1, "bad"), "bad")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_rejects_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with (
        Rejects(tmp_path / "absent" / "rejects", "monday") as rejects,
        pytest.raises(RejectsNotWritten, match="No such"),
    ):
        rejects.add(Record(1, "bad"), "bad")


def nested(depth: int) -> str:
    return '{"a":' + "[" * depth + "]" * depth + "}\n"


def test_a_row_as_deeply_nested_as_can_be_read_can_be_written_down(tmp_path: Path) -> None:
    """The greatest depth depends on the interpreter and its stack: try all those around it."""
    greatest = bisect(
        range(100_000), False, key=lambda depth: rows(nested(depth))[0].problem is not None
    )
    text = "".join(nested(depth) for depth in range(greatest - 50, greatest + 50))
    with Rejects(tmp_path / "rejects", "monday") as rejects:
        for record in records_of(io.StringIO(text), Columns({})):
            rejects.add(record, record.problem or "is no event")
    assert len(written(tmp_path / "rejects")) == 100


@pytest.mark.parametrize(
    ("name", "folder"),
    [("events.jsonl", "."), ("some/where/events.csv", "some/where"), ("/data/events", "/data")],
)
def test_rejects_lie_beside_the_file(name: str, folder: str) -> None:
    path = rejects_path(name)
    assert path.parent == Path(folder)
    assert path.name.startswith("events")
    assert path.name.endswith(".rejects.jsonl")


def test_the_rejects_of_standard_input_lie_here() -> None:
    assert rejects_path("-", is_file=False) == Path("stdin.rejects.jsonl")


def test_the_rejects_of_inputs_that_lie_together_do_not_replace_each_other() -> None:
    names = ["events.csv", "events.jsonl", "events.json", "events.jsonl.gz", "events", "events.2"]
    assert len({rejects_path(name) for name in names}) == len(names)


def test_the_rejects_of_an_input_are_never_the_input_itself() -> None:
    for name in ("events.rejects.jsonl", "events.jsonl", ".rejects.jsonl", "stdin"):
        assert rejects_path(name) != Path(name)
