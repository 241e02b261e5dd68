"""Files: what they hold says how they are read; of what can't be read one clear line tells."""

import asyncio
import gzip
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from contracts import Report
from publisher_app.failures import UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.formats.records import Record
from publisher_app.inputs.files import FileOutcome, open_file, publish_file
from publisher_app.intake import Intake
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.reading import rows
from tests.unit.publisher.test_intake import Confirming

LINES = b"".join(b'{"number": %d}\n' % number for number in range(5_000))
EVENT = (
    b'{"patient_id": "1", "medication_name": "Heparin", "action": "start", '
    b'"event_time": "2021-01-01T02:00:00Z"}\n'
)


class Telling(Confirming):
    """Confirms at once, and tells of it."""

    def __init__(self) -> None:
        super().__init__()
        self.has_published = asyncio.Event()

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        await super().publish(reports, run, source)
        self.has_published.set()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf_16_is_refused_and_utf_8_asked_for(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(UnreadableInput, match="it is UTF-16: save it as UTF-8"):
        rows(pack("\ufeffpatient_id,action\n1,start\n".encode(encoding)))


def test_of_a_file_that_is_not_all_utf_8_the_other_rows_are_whole() -> None:
    assert rows('{"a": "é"}\n'.encode() + b'{"a": "\xe9"}\n{"a": "e"}\n') == [
        Record(1, {"a": "é"}),
        Record(2, {"a": "\udce9"}),
        Record(3, {"a": "e"}),
    ]


@pytest.mark.parametrize("name", ["events.csv", "events.gz", "events"])
def test_the_name_of_a_file_means_nothing(tmp_path: Path, name: str) -> None:
    for written in (LINES, gzip.compress(LINES)):
        (tmp_path / name).write_bytes(written)
        with open_file(str(tmp_path / name)) as opened:
            assert [
                row.content for row in opened.recognise(Formats(PublisherSettings())).records
            ] == [{"number": number} for number in range(5_000)]


def test_gzip_files_one_behind_another_are_one() -> None:
    assert len(rows(gzip.compress(LINES) + gzip.compress(LINES))) == 10_000


def test_at_the_end_the_position_is_the_size_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(gzip.compress(LINES))
    with open_file(str(file)) as opened:
        assert len(list(opened.recognise(Formats(PublisherSettings())).records)) == 5_000
        assert opened.position == opened.size == file.stat().st_size


@pytest.mark.parametrize(
    ("name", "message"), [("absent", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_opened_is_told_in_a_few_words(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(UnreadableInput, match=message), open_file(str(tmp_path / name)):
        pass


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(LINES)[:-100],
        gzip.compress(LINES)[:-1],
        gzip.compress(LINES)[:200] + b"\x00" * 200,
        gzip.compress(LINES)[:-8] + b"\x00" * 8,
        b"\x1f\x8b",
        b"\x1f\x8bnot gzip",
    ],
    ids=["cut", "cut by one byte", "overwritten", "wrong checksum", "beginning", "nonsense"],
)
def test_broken_gzip_is_an_unreadable_input(tmp_path: Path, broken: bytes) -> None:
    file = tmp_path / "events"
    file.write_bytes(broken)
    os.utime(file, (0, 0))  # a new one could still be written
    with (
        pytest.raises(UnreadableInput),
        open_file(str(file)) as opened,
    ):
        list(opened.recognise(Formats(PublisherSettings())).records)


def test_a_problem_elsewhere_while_a_file_is_open_is_not_taken_for_one_with_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "events").write_bytes(LINES)
    with pytest.raises(PermissionError), open_file(str(tmp_path / "events")):
        raise PermissionError(13, "Permission denied", "events.rejects.jsonl")


async def test_an_input_whose_beginning_does_not_come_holds_nothing_else_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, end = os.pipe()
    with os.fdopen(begin) as stdin, os.fdopen(end, "wb"):
        monkeypatch.setattr(sys, "stdin", stdin)
        with open_file("-") as opened:
            settings = PublisherSettings()
            formats, intake = Formats(settings), Intake(Confirming(), settings)
            publishing = asyncio.create_task(
                publish_file(opened, formats, intake, FileOutcome(), lambda _: None)
            )
            assert await asyncio.wait([publishing], timeout=0.01) == (set(), {publishing})
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await publishing


def test_a_file_is_not_read_before_its_records_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events"
    file.write_bytes(gzip.compress(LINES)[:10])
    monkeypatch.setattr(time, "sleep", pytest.fail)
    with open_file(str(file)) as opened:
        assert opened.position == 0


async def test_a_pipe_that_never_brings_a_mapped_name_is_published_at_once_and_fails_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, end = os.pipe()
    with os.fdopen(begin) as stdin, os.fdopen(end, "wb", buffering=0) as pipe:
        monkeypatch.setattr(sys, "stdin", stdin)
        publisher, outcome = Telling(), FileOutcome()
        settings = PublisherSettings(map={"event_id": "EID"})
        formats, intake = Formats(settings), Intake(publisher, settings)
        with open_file("-") as opened:
            publishing = asyncio.create_task(
                publish_file(opened, formats, intake, outcome, lambda _: None)
            )
            pipe.write(EVENT)
            await asyncio.wait_for(publisher.has_published.wait(), 10)
            pipe.close()
            with pytest.raises(UnreadableInput, match="- can't be read: no record has a column E"):
                await publishing
    assert (outcome.published, outcome.ended) == (1, False)
