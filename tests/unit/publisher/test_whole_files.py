"""Files as people have them: what is published of each, what is rejected, and what is said."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contracts import MedicationEvent, RecordVersion, Report
from publisher_app.failures import UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.files import FileOutcome, open_file, publish_file
from publisher_app.intake import Intake
from publisher_app.rejects import rejects_path
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.test_intake import Confirming

HEADER = "patient_id,medication_name,action,event_time,order_id,event_id"
TIMES = [f"2021-01-01T0{hour}:00:00Z" for hour in range(4)]
START = f"1,Heparin,start,{TIMES[0]}"
EVENT = {
    "patient_id": "1",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": TIMES[0],
}


class Published(NamedTuple):
    """What became of a file."""

    events: Sequence[MedicationEvent]
    said: str
    rejects: Sequence[Any]
    versions: Sequence[RecordVersion]


class Keeping(Confirming):
    """Confirms at once, and keeps the events."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[Report] = []

    @property
    def events(self) -> list[MedicationEvent]:
        return [each for each in self.reports if isinstance(each, MedicationEvent)]

    @property
    def versions(self) -> list[RecordVersion]:
        return [each for each in self.reports if isinstance(each, RecordVersion)]

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        self.runs.add(run)
        self.sources.add(source)
        self.reports += reports


async def publish(
    folder: Path,
    content: str | bytes,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    skip_lines: int = 0,
    then: Callable[[Path], None] = lambda _: None,
) -> Published:
    """Publish a file with this content.

    Raises:
        UnreadableInput: it can't be read; then nothing of it was published.

    """
    file = folder / "events"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    publisher, outcome = Keeping(), FileOutcome()
    settings = PublisherSettings(map=dict(columns or {}), encoding=encoding)
    formats, intake = Formats(settings), Intake(publisher, settings)
    try:
        with open_file(str(file), encoding, skip_lines, settled_seconds=0) as opened:
            await publish_file(opened, formats, intake, outcome, lambda _: then(file))
        assert publisher.sources <= {"file events"}
    except UnreadableInput:
        assert (publisher.reports, outcome.published, rejects_beside(file)) == ([], 0, [])
        raise
    return Published(publisher.events, str(outcome), rejects_beside(file), publisher.versions)


def rejects_beside(file: Path) -> list[Any]:
    path = rejects_path(str(file))
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line, parse_constant=_no) for line in lines]


def _no(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


async def test_a_header_alone_is_published_and_said_to_hold_no_row(tmp_path: Path) -> None:
    for content in (HEADER, f"{HEADER}\r\n\r\n", "[]", "\n\n", '{"events": []}'):
        published = await publish(tmp_path, content)
        assert published.said.startswith("published 0, rejected 0 in ")
        assert published.said.endswith("; there is no row in it")


async def test_a_file_that_is_written_to_meanwhile_is_told_to_need_its_run_s_name(
    tmp_path: Path,
) -> None:
    content = f"{HEADER}\n{START}\n"
    said = (await publish(tmp_path, content)).said
    assert "meanwhile" not in said

    said = (await publish(tmp_path, content, then=lambda file: os.utime(file, (0, 0)))).said
    run = said.partition("; run ")[2].partition(";")[0]
    assert said.endswith(
        f"; it was written to meanwhile: publish it again with --run {run} (PUBLISHER_RUN)"
    )


async def test_an_empty_file_is_published_and_said_to_hold_nothing(tmp_path: Path) -> None:
    assert (await publish(tmp_path, "")).said.endswith("; there is nothing in it")


@pytest.mark.parametrize("rows", [1, 3])
async def test_a_file_without_a_header_is_refused(tmp_path: Path, rows: int) -> None:
    with pytest.raises(UnreadableInput, match="its first line is no header"):
        await publish(tmp_path, f"{START}\n" * rows)


@pytest.mark.parametrize(
    "content",
    [
        f"patient_id,medication_name,action,event_time,order\n{START},A\n",
        json.dumps([{**EVENT, "order": "A"}] * 3),
        f"{json.dumps(EVENT)}\n" * 3,
    ],
)
async def test_a_mapped_column_that_is_not_there_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableInput, match="column Order") as caught:
        await publish(tmp_path, content, {"order_id": "Order"})
    assert "the columns are patient_id, medication_name, action, event_time" in str(caught.value)


@pytest.mark.parametrize("told", ["sep=|", '"sep=|"', "SEP=|", "sep=|,,,"])
async def test_excels_line_that_names_the_separator_is_no_row(tmp_path: Path, told: str) -> None:
    text = f"{HEADER}\n{START},,\n".replace(",", "|").replace("\n", "\r\n")
    assert len((await publish(tmp_path, f"{told}\r\n{text}")).events) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("note", ["note", '"note (a,b,c;d;e;f|g|h|i\tj\tk\tl)"'])
async def test_the_delimiter_is_the_one_that_makes_a_header(
    tmp_path: Path, delimiter: str, note: str
) -> None:
    header = "patient_id,medication_name,action,event_time,".replace(",", delimiter) + note
    row = f"{START},x".replace(",", delimiter)
    assert len((await publish(tmp_path, f"{header}\n{row}\n")).events) == 1


async def test_empty_cells_at_the_end_of_a_row_may_be_missing_or_too_many(tmp_path: Path) -> None:
    ends = ("", ",", ",,", ",,,", ",, ,\t,", ",A", ",A,b,")
    rows = "".join(f"{START}{end}\n" for end in ends)
    published = await publish(tmp_path, f"{HEADER}\n{rows}")
    assert [(each.order_id, each.event_id) for each in published.events] == [
        (None, None),
        *((None, f"repeat-{number}") for number in (2, 3, 4, 5)),
        ("A", None),
        ("A", "b"),
    ]


async def test_a_missing_cell_that_is_needed_and_a_surplus_one_that_is_full_are_faults(
    tmp_path: Path,
) -> None:
    published = await publish(tmp_path, f"{HEADER}\n1,X,start\n{START},,,,A\n")
    assert [(each["line"], each["reason"]) for each in published.rejects] == [
        (2, "event_time: Field required"),
        (3, "has 8 values where the header names 6"),
    ]


async def test_all_that_is_wrong_with_a_row_is_in_its_reject_once(tmp_path: Path) -> None:
    published = await publish(tmp_path, f"{HEADER}\n,,pause,tomorrow,,\n")
    assert [each["reason"] for each in published.rejects] == [
        "event_time: is not an ISO 8601 day and time: write it like 2021-01-01T02:00:00Z, "
        "or name its format with --time-format (PUBLISHER_TIME_FORMAT); "
        "patient_id: Field required; medication_name: Field required; "
        "action: Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'"
    ]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("form", ["%s\n%s\n", "[%s, %s]", '{"events": [%s, %s]}'])
async def test_nan_is_absent_and_in_no_rejects_file(
    tmp_path: Path, constant: str, form: str
) -> None:
    good = json.dumps({**EVENT, "order_id": None}).replace("null", constant)
    bad = json.dumps({**EVENT, "patient_id": None, "dose": None}).replace("null", constant)
    published = await publish(tmp_path, form % (good, bad))
    assert [each.order_id for each in published.events] == [None]
    assert published.rejects[0]["reason"] == "patient_id: Field required"
    assert published.rejects[0]["row"] == {**EVENT, "patient_id": None, "dose": None}


async def test_json_over_lines_is_published_object_by_object(tmp_path: Path) -> None:
    text = "\n".join(json.dumps({**EVENT, "event_time": time}, indent=2) for time in TIMES)
    published = await publish(tmp_path, text)
    assert len(published.events) == 4
    assert published.rejects == []


async def test_a_file_in_another_encoding_is_read_as_it_is_named(tmp_path: Path) -> None:
    text = f"Bericht für Station 5\n{HEADER}\n1,Ätherisches Öl,start,{TIMES[0]}\n"
    for encoding in ("windows-1252", "utf-16", "utf-16-le"):
        with pytest.raises(UnreadableInput, match="--encoding"):
            await publish(tmp_path, text.encode(encoding), skip_lines=1)
        named = await publish(tmp_path, text.encode(encoding), encoding=encoding, skip_lines=1)
        assert [each.medication_name for each in named.events] == ["Ätherisches Öl"]


async def test_bytes_of_another_encoding_far_down_are_rejects_that_name_the_option(
    tmp_path: Path,
) -> None:
    rows = f"{HEADER}\n" + "".join(f"{number},X,start,{TIMES[0]},,\n" for number in range(5_000))
    published = await publish(tmp_path, rows.encode() + f"7,Öl,start,{TIMES[0]}".encode("latin-1"))
    assert len(published.events) == 5_000
    [reject] = published.rejects
    assert reject["line"] == 5_002
    assert reject["reason"] == (
        "medication_name: holds bytes that are not in the encoding that it is read in: UTF-8, or "
        "for a file what --encoding (PUBLISHER_ENCODING) names"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_spaces_between_a_delimiter_and_a_quote_belong_to_neither(
    tmp_path: Path, delimiter: str
) -> None:
    names = ("patient_id", "medication_name", "action", "event_time", "order_id")
    name = "Insulin, rapid; | 5"
    rows = [
        names,
        ("1", "Insulin", "start", TIMES[0], ""),
        ("1", name, "start", TIMES[1], "A"),
        ("1", '""Insulin""', "start", TIMES[2], " B"),
    ]
    quoted = ("".join(f'{delimiter}  "{cell}"' for cell in row[1:]) for row in rows)
    text = "".join(f'"{row[0]}"{rest}\n' for row, rest in zip(rows, quoted, strict=True))
    published = await publish(tmp_path, text)
    assert published.rejects == []
    assert [(each.medication_name, each.order_id) for each in published.events] == [
        ("Insulin", None),
        (name, "A"),
        ('"Insulin"', "B"),
    ]
