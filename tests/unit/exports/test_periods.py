"""A row of an export is a period of a patient, in whichever format."""

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import pyarrow.parquet
import pytest

from consumer_app.exports import parquet
from consumer_app.exports.periods import ROWS
from consumer_app.rules.periods import Period, medication_periods
from contracts import explain_event


def periods(medication: str, *times: str) -> list[Period]:
    """Make a patient's periods of times at which the medication was started and stopped in turn."""
    events = [
        explain_event(
            {
                "patient_id": "any",
                "medication_name": medication,
                "action": ("start", "stop")[place % 2],
                "event_time": time,
            }
        )
        for place, time in enumerate(times)
    ]
    return medication_periods(events).periods


HEPARIN = periods(
    "=Heparin", "2021-01-01T03:00:00+01:00", "2021-01-01T03:00:00.25Z", "2021-01-02T00:00:00Z"
)
INSULIN = periods('Insulin "aspart", 100 U/ml', "2021-01-01T04:00:00Z", "2021-01-01T04:00:00Z")
ALL = [("2", HEPARIN), ("K 7, Süd", INSULIN)]


def written(ending: str, found: Sequence[tuple[str, Sequence[Period]]]) -> bytes:
    file = BytesIO()
    with ROWS[ending](file) as write:
        for patient_id, of_patient in found:
            write(patient_id, of_patient)
    return file.getvalue()


def test_csv_has_a_header_and_a_row_for_each_period() -> None:
    assert written(".csv", ALL).decode() == (
        "patient_id,medication_name,start,end\r\n"
        "2,=Heparin,2021-01-01T02:00:00Z,2021-01-01T03:00:00.250000Z\r\n"
        "2,=Heparin,2021-01-02T00:00:00Z,\r\n"
        '"K 7, Süd","Insulin ""aspart"", 100 U/ml",2021-01-01T04:00:00Z,2021-01-01T04:00:00Z\r\n'
    )


def test_ndjson_has_an_object_for_each_period() -> None:
    assert written(".ndjson", ALL).decode() == (
        '{"patient_id":"2","medication_name":"=Heparin",'
        '"start":"2021-01-01T02:00:00Z","end":"2021-01-01T03:00:00.250000Z"}\n'
        '{"patient_id":"2","medication_name":"=Heparin",'
        '"start":"2021-01-02T00:00:00Z","end":null}\n'
        '{"patient_id":"K 7, Süd","medication_name":"Insulin \\"aspart\\", 100 U/ml",'
        '"start":"2021-01-01T04:00:00Z","end":"2021-01-01T04:00:00Z"}\n'
    )


@pytest.mark.parametrize("rows_of_a_group", [1, 2, 1_000])
def test_parquet_has_texts_and_times_in_utc_however_many_rows_are_in_a_group(
    rows_of_a_group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_ROWS_OF_A_GROUP", rows_of_a_group)
    table = pyarrow.parquet.read_table(BytesIO(written(".parquet", ALL)))

    kinds = [str(each.type) for each in table.schema]
    assert kinds == ["string", "string", "timestamp[us, tz=UTC]", "timestamp[us, tz=UTC]"]
    first, second = datetime(2021, 1, 1, 2, tzinfo=UTC), datetime(2021, 1, 2, tzinfo=UTC)
    four = datetime(2021, 1, 1, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    assert table.to_pydict() == {
        "patient_id": ["2", "2", "K 7, Süd"],
        "medication_name": ["=Heparin", "=Heparin", 'Insulin "aspart", 100 U/ml'],
        "start": [first, second, four],
        "end": [first.replace(hour=3, microsecond=250_000), None, four],
    }


@pytest.mark.parametrize(
    ("ending", "nothing"), [(".csv", b"patient_id,medication_name,start,end\r\n"), (".ndjson", b"")]
)
def test_without_a_period_there_is_the_header_alone(ending: str, nothing: bytes) -> None:
    assert written(ending, []) == nothing


def test_without_a_period_parquet_has_its_columns() -> None:
    table = pyarrow.parquet.read_table(BytesIO(written(".parquet", [])))
    assert (table.num_rows, table.column_names) == (
        0,
        ["patient_id", "medication_name", "start", "end"],
    )
