"""A file that is being written: half a row at its end is waited for, and becomes nothing else."""

import gzip
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher_app.failures import UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.formats.records import Record
from publisher_app.inputs import growing
from publisher_app.inputs.files import open_file
from publisher_app.inputs.growing import GrowingFile
from publisher_app.settings import PublisherSettings

ROWS = [
    {
        "patient_id": "1",
        "medication_name": "ä, [half] a {row}",
        "action": "start",
        "event_time": "2021-01-01T02:00:00Z",
        "order_id": f"ORDER-{order}",
    }
    for order in (101, 102, 103)
]
QUOTED = [row | {"medication_name": 'two\nlines, "quoted"'} for row in ROWS]

_CSV = "patient_id,medication_name,action,event_time,order_id\n" + "".join(
    f'1,"ä, [half] a {{row}}",start,2021-01-01T02:00:00Z,{row["order_id"]}\n' for row in ROWS
)
_QUOTED_CSV = "patient_id;medication_name;action;event_time;order_id\r\n" + "".join(
    f'"1";"two\nlines, ""quoted""";"start";"2021-01-01T02:00:00Z";"{row["order_id"]}"\r\n'
    for row in ROWS
)
_JSON_LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
FORMATS = {
    "CSV": (_CSV.encode(), ROWS),
    "CSV behind a byte order mark": (_CSV.encode("utf-8-sig"), ROWS),
    "CSV with lines in quotes": (_QUOTED_CSV.encode(), QUOTED),
    "JSON Lines": (_JSON_LINES.encode(), ROWS),
    "a JSON array": (json.dumps(ROWS).encode(), ROWS),
    "a JSON array over lines": (json.dumps(ROWS, indent=2).encode() + b"\n", ROWS),
    "gzipped CSV": (gzip.compress(_CSV.encode()), ROWS),
    "two gzip members": (
        gzip.compress(_JSON_LINES.encode()) + gzip.compress(_JSON_LINES.encode()),
        ROWS + ROWS,
    ),
}
each_format = pytest.mark.parametrize(("written", "expected"), FORMATS.values(), ids=FORMATS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events"


@pytest.fixture
def while_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen each time that a reader waits for a moment, which then takes none."""

    def happens(something: Callable[[], object]) -> None:
        monkeypatch.setattr(time, "sleep", lambda _: something())

    return happens


def append(file: Path, content: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(content)


def read(file: Path, settled_seconds: float = growing.SETTLED_SECONDS) -> list[Record]:
    with open_file(str(file), settled_seconds=settled_seconds) as opened:
        return list(opened.recognise(Formats(PublisherSettings())).records)


def contents(records: list[Record]) -> list[object]:
    assert all(record.problem is None for record in records)
    return [record.content for record in records]


@each_format
def test_wherever_its_writer_is_no_row_is_half_and_none_comes_twice(
    file: Path,
    while_waiting: Callable[[Callable[[], object]], None],
    written: bytes,
    expected: list[object],
) -> None:
    cuts_within_rows = 0
    # With less than two bytes nothing can be told of a file, and nothing is in it.
    for cut in range(2, len(written)):
        rest = [written[cut:]]
        while_waiting(lambda rest=rest: append(file, rest.pop()))  # type: ignore[misc]
        file.write_bytes(written[:cut])

        found = contents(read(file))

        # Cut between two rows, a file is as good as one that is complete.
        assert found == (expected[: len(found)] if rest else expected)
        cuts_within_rows += not rest
    assert cuts_within_rows > 0.9 * len(written) - 10


@each_format
def test_a_file_that_grows_in_small_pieces_is_read_to_its_end(
    file: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    written: bytes,
    expected: list[object],
) -> None:
    sleep, is_waited_for = time.sleep, threading.Event()

    def pause(_: float) -> None:
        is_waited_for.set()
        sleep(0.001)

    def write() -> None:
        for start in range(17, len(written), 17):
            is_waited_for.wait(5)
            is_waited_for.clear()
            append(file, written[start : start + 17])

    monkeypatch.setattr(time, "sleep", pause)
    file.write_bytes(written[:17])
    writer = threading.Thread(target=write)
    writer.start()
    # Where a piece ends between two rows, the file could as well be complete.
    found = contents(read(file))
    is_waited_for.set()
    writer.join()

    assert found == expected[: len(found)]
    assert caplog.messages[:2] == [
        f"{file} is being written, and its last row is not whole: waiting for the rest",
        f"{file} goes on",
    ]
    assert len(caplog.messages) == 2, "it is not told again for each piece"


def test_a_file_that_is_not_written_to_any_more_ends_as_it_is(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(_CSV.encode()[:-1])

    assert contents(read(file, settled_seconds=0.3)) == ROWS
    assert caplog.messages[1:] == [f"{file} was left as it is: its end counts as whole"]
    assert time.time() - file.stat().st_mtime >= 0.3


@pytest.mark.parametrize(
    "written",
    [_CSV.encode()[:-1], _JSON_LINES.encode()[:-1], gzip.compress(_CSV.encode()[:-1])],
    ids=["CSV", "JSON Lines", "gzip"],
)
def test_an_old_file_without_a_last_end_of_line_is_complete(
    file: Path, caplog: pytest.LogCaptureFixture, written: bytes
) -> None:
    file.write_bytes(written)
    long_ago = time.time() - growing.SETTLED_SECONDS - 1
    os.utime(file, (long_ago, long_ago))

    assert contents(read(file)) == ROWS
    assert caplog.messages == []


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b'MSH|^~\\&|A\rRXA|0|1|20210101|20210101|5" tube\r',
        b"\x0bMSH|^~\\&|A\r\x1c\r",
        *(written for written, _ in FORMATS.values()),
    ],
)
def test_a_complete_file_is_not_waited_for_however_new_it_is(
    file: Path, caplog: pytest.LogCaptureFixture, written: bytes
) -> None:
    file.write_bytes(written)
    read(file)
    assert caplog.messages == []


def test_a_file_of_tomorrow_is_waited_for_no_longer_than_one_of_now(file: Path) -> None:
    file.write_bytes(_CSV.encode()[:-1])
    tomorrow = time.time() + 86_400
    os.utime(file, (tomorrow, tomorrow))

    assert contents(read(file, settled_seconds=0.1)) == ROWS


def test_broken_gzip_is_not_waited_for(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = gzip.compress(_CSV.encode())
    file.write_bytes(whole[:40] + b"\x00" * 40)
    with pytest.raises(UnreadableInput, match="CRC check failed"):
        read(file)
    assert caplog.messages == []


def test_what_is_written_behind_an_end_that_was_told_is_no_row_of_its_own(file: Path) -> None:
    file.write_bytes(b"a,b\n1,2\n")
    with GrowingFile(file) as opened:
        assert opened.read() == b"a,b\n1,2\n"
        append(file, b"3,4\n")
        assert opened.read() == b""


def test_standard_input_is_complete_at_its_end(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(_CSV.encode()[:-1])
    with file.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert contents(read(Path("-"))) == ROWS
    assert caplog.messages == []
