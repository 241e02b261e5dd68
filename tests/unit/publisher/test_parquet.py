"""Parquet is read as CSV with its rows would be read, where pyarrow is installed."""

import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from publisher_app.check import check_file
from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.parquet import parquet as records_of
from publisher_app.formats.profiles import read_profile
from publisher_app.formats.recognition import Formats
from publisher_app.formats.records import Record
from publisher_app.inputs.files import open_file
from publisher_app.inputs.resting import WHOLE_AFTER_SECONDS, Resting
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.reading import AnyColumns
from tests.unit.publisher.test_profiles import profile_of, read

MEBIBYTE = 1024 * 1024
EIGHT = datetime(2021, 1, 5, 8)  # noqa: DTZ001 - as many tables have it
NINE = datetime(2021, 1, 5, 9, tzinfo=UTC)
PROFILE = """
[table]
rows = "intervals"
columns = { patient_id = "p", medication_name = "m", start = "s", stop = "e", order_id = "o" }
times = { zone = "Europe/Berlin", dates = "end inclusive" }
"""
PLAIN = {
    "patient_id": ["1", "1", None],
    "medication_name": ["Heparin", "Heparin", "Aspirin"],
    "action": ["start", "stop", "start"],
    "event_time": [NINE, NINE, NINE],
}


def write(file: Path, columns: dict[str, object], **how: int) -> Path:
    parquet.write_table(pa.table(columns), file, **how)
    return file


def rows(file: Path, columns: Columns | None = None) -> list[Record]:
    with file.open("rb") as opened:
        return list(records_of(opened.fileno(), columns or AnyColumns()))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([" a, b"]), " a, b"),
        (pa.array(["a"], pa.large_string()), "a"),
        (pa.array(["a"]).dictionary_encode(), "a"),
        (pa.array([10_000_032], pa.int64()), "10000032"),
        (pa.array([10_000_032.0]), "10000032"),
        (pa.array([float("nan")]), ""),
        (pa.array([Decimal("1.50")]), "1.50"),
        (pa.array([True]), "true"),
        (pa.array([None], pa.int64()), ""),
        (pa.array([None]), ""),
        (pa.array([date(2021, 1, 5)]), "2021-01-05"),
        (pa.array([EIGHT], pa.timestamp("s")), "2021-01-05 08:00:00.000"),
        (pa.array([EIGHT], pa.timestamp("ns")), "2021-01-05 08:00:00.000000000"),
        (pa.array([NINE], pa.timestamp("us", "UTC")), "2021-01-05 09:00:00.000000Z"),
        (pa.array([NINE], pa.timestamp("ms", "Asia/Tokyo")), "2021-01-05 09:00:00.000Z"),
    ],
    ids=str,
)
def test_a_value_is_the_text_that_it_would_be_in_csv(
    values: pa.Array, text: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "t", {"a": values, "b": ["x"]})
    assert rows(file) == [Record(1, {"a": text, "b": "x"})]


def test_bytes_that_are_no_text_reject_only_the_rows_in_which_a_field_holds_them(
    tmp_path: Path,
) -> None:
    blobs = {"picture": [b"\xff\xd8", None, b""], "id": pa.array([b"\xff" * 16] * 3, pa.uuid())}
    names = {"medication_name": [b"Heparin", b"Heparin", b"\xc4therisches \xd6l"]}
    found = read(write(tmp_path / "t", PLAIN | {"patient_id": ["1"] * 3} | names | blobs), None)
    assert "published 2, rejected 1" in found.said


def test_lists_and_structs_are_no_columns(tmp_path: Path) -> None:
    file = write(tmp_path / "t", {"a": [[1, 2]], "b": ["x"], "c": [{"d": 1}]})
    assert rows(file) == [Record(1, {"b": "x"})]


def test_a_table_of_parquet_is_read_by_a_profile(tmp_path: Path) -> None:
    table = {
        "p": pa.array([7, 7]),
        "m": pa.array(["Heparin", "Insulin"]).dictionary_encode(),
        "s": pa.array([EIGHT, EIGHT], pa.timestamp("us")),
        "e": pa.array([date(2021, 1, 5), None]),
        "o": pa.array([Decimal(1), Decimal(2)]),
    }
    file = write(tmp_path / "rows.parquet", table)
    found = read(file, read_profile(str(profile_of(tmp_path, PROFILE))))
    assert found.periods("7") == [
        "Heparin 01-05 07:00 to 01-05 23:00",
        "Insulin 01-05 07:00 to now",
    ]


def test_without_a_profile_its_rows_are_plain_events_or_rejects_by_their_number(
    tmp_path: Path,
) -> None:
    file = write(tmp_path / "rows.parquet", PLAIN)
    found = read(file, None)
    assert found.periods("1") == ["Heparin 01-05 09:00 to 01-05 09:00"]
    assert "published 2, rejected 1" in found.said
    [reject] = map(json.loads, (tmp_path / "r").read_text().splitlines())
    assert (reject["line"], reject["reason"]) == (3, "patient_id: Field required")
    assert reject["row"] == {
        "patient_id": "",
        "medication_name": "Aspirin",
        "action": "start",
        "event_time": "2021-01-05 09:00:00.000000Z",
    }


def test_a_check_reads_parquet_too(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.parquet", PLAIN)
    with open_file(str(file), settled_seconds=0) as opened:
        told = str(check_file(opened, Formats(PublisherSettings()))).splitlines()
    assert told[:2] == [
        f"{file}: 3 records, 2 events, 1 rejected; 1 patients, 2021-01-05 to 2021-01-05",
        "columns: patient_id, medication_name, action, event_time",
    ]


def test_a_file_of_parquet_in_a_folder_is_whole_when_it_has_its_end(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.parquet", PLAIN)
    (tmp_path / "cut.parquet").write_bytes(whole.read_bytes()[:-5])
    resting = Resting(tmp_path)
    assert resting.complete(now=0) == []
    assert resting.complete(now=WHOLE_AFTER_SECONDS) == [whole]


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.parquet", {"p": ["1"], "m": ["Heparin"]})
    with pytest.raises(UnreadableInput) as caught:
        read(file, read_profile(str(profile_of(tmp_path, PROFILE))))
    told = f"{file} can't be read: it has no column s, e, o; the columns are p, m; name others"
    assert str(caught.value) == f"{told} in the profile"


def test_rows_are_numbered_through_all_groups_of_rows(tmp_path: Path) -> None:
    file = write(tmp_path / "t", {"a": [*range(1, 10_001)]}, row_group_size=3_000)
    assert rows(file) == [Record(number, {"a": str(number)}) for number in range(1, 10_001)]


def test_without_pyarrow_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "rows.parquet", PLAIN)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnreadableInput) as caught:
        read(file, None)
    assert (
        str(caught.value) == f"{file} can't be read: it is Parquet: install pyarrow to have it read"
    )


def test_a_long_group_of_rows_is_not_held(tmp_path: Path) -> None:
    texts = [f"{number:032}" for number in range(300_000)]
    file = write(tmp_path / "t", {"a": texts, "b": texts[::-1]})
    del texts
    before = most = pa.total_allocated_bytes()
    with file.open("rb") as opened:
        for _ in records_of(opened.fileno(), AnyColumns()):
            most = max(most, pa.total_allocated_bytes())
    assert parquet.read_table(file).nbytes > 20 * MEBIBYTE
    assert most - before < 8 * MEBIBYTE


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = write(tmp_path_factory.mktemp("parquet") / "t", PLAIN)
    return file.read_bytes()


@given(st.data())
def test_what_is_cut_off_or_broken_is_told_in_one_line_or_read(
    written: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    at = data.draw(st.integers(4, len(written)))
    put = data.draw(st.binary(max_size=4))
    file = tmp_path_factory.mktemp("broken") / "t"
    cut = data.draw(st.booleans())
    file.write_bytes(written[:at] + put + (b"" if cut else written[at + len(put) :]))
    told = ""
    try:
        rows(file)
    except UnreadableInput as problem:
        told = str(problem)
    assert told in ("", "it is Parquet that is cut off or broken")
