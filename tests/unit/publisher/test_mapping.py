"""Rows read as events: names of columns, empty cells, and times."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from contracts import MedicationEvent
from publisher_app.formats.columns import Columns
from publisher_app.formats.mapping import FieldMapping, NoEvent
from publisher_app.formats.records import Record
from tests.unit.publisher.reading import event_of, rows

ROW = {
    "patient_id": "2",
    "medication_name": "Y",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
EVENT = msgspec.convert(ROW, MedicationEvent)


def read(
    *given: object, columns: Mapping[str, str] | None = None, zone: str | None = None
) -> tuple[list[MedicationEvent], dict[int, str]]:
    """Return the events, and the reasons by line for the rows that are none."""
    reasons: dict[int, str] = {}
    mapping = FieldMapping(Columns(columns or {}), ZoneInfo(zone) if zone else None)
    events: list[MedicationEvent] = []
    for line, row in enumerate(given, start=1):
        try:
            events.append(event_of(mapping, row if isinstance(row, Record) else Record(line, row)))
        except NoEvent as problem:
            reasons[line] = str(problem)
    return events, reasons


def renamed(old: str, new: str) -> dict[str, object]:
    return {new if name == old else name: value for name, value in ROW.items()}


def test_a_row_is_an_event() -> None:
    full = {**ROW, "order_id": "7", "event_id": "a", "dose": 5, "": "x"}
    assert read(ROW, full) == (
        [EVENT, replace(EVENT, order_id="7", event_id="a")],
        {},
    )


@pytest.mark.parametrize("name", ["p_id", "Patient ID", "PATIENT_ID", "patientId", "P ID"])
def test_a_field_is_found_by_its_name_in_any_case_with_or_without_spaces(name: str) -> None:
    assert read(renamed("patient_id", name)) == ([EVENT], {})


@pytest.mark.parametrize("other", ["p_id", "Patient ID"])
def test_a_record_with_two_names_for_one_field_is_rejected_until_one_is_mapped(other: str) -> None:
    both = {**ROW, other: "5"}
    events, reasons = read(both, ROW)
    assert events == [EVENT]
    assert reasons[1].startswith(f"patient_id and {other} are there together: ")
    for column, patient in (("patient_id", "2"), (other, "5")):
        (event,) = read(both, columns={"patient_id": column})[0]
        assert event.patient_id == patient


def test_other_columns_are_named_and_then_only_they_count() -> None:
    columns = {"patient_id": "MRN", "medication_name": "Drug name"}
    row = {
        "MRN": "2",
        "Drug name": "Y",
        "action": "start",
        "event_time": ROW["event_time"],
        "patient_id": "9",
        "p_id": "9",
    }
    assert read(row, columns=columns) == ([EVENT], {})
    assert read({**row, "MRN": ""}, columns=columns) == ([], {1: "patient_id: Field required"})


def test_one_column_may_serve_two_fields() -> None:
    (event,) = read({**ROW, "id": "7"}, columns={"order_id": "id", "event_id": "id"})[0]
    assert (event.order_id, event.event_id) == ("7", "7")


def test_an_empty_cell_is_an_absent_one() -> None:
    assert read({**ROW, "order_id": "", "event_id": None}) == ([EVENT], {})
    assert read({**ROW, "event_time": "", "action": None}) == (
        [],
        {1: "action: Field required; event_time: Field required"},
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Record(1, '{"', "is not JSON: it ends too early"), "is not JSON: it ends too early"),
        ("bad", "is not an object with the fields of an event"),
        ([ROW], "is not an object with the fields of an event"),
        (None, "is not an object with the fields of an event"),
        ({**ROW, "patient_id": 2}, "patient_id: Input should be a valid string"),
        ({**ROW, "medication_name": ["Y"]}, "medication_name: Input should be a valid string"),
        (
            {**ROW, "action": "pause"},
            "action: Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'",
        ),
        (
            {**ROW, "event_time": 1_700_000_000},
            "event_time: is a number alone, which may count seconds or days from any day: "
            "write it like 2021-01-01T02:00:00Z",
        ),
        (
            {**ROW, "event_time": "9999-12-31T23:59:59-01:00"},
            "event_time: lies outside the years 1 to 9999 in UTC: "
            "write it like 2021-01-01T02:00:00Z",
        ),
        (
            {**ROW, "event_time": "2021-01-01 02:00"},
            "event_time: has no offset: write one, or name the zone with --timezone "
            "(PUBLISHER_TIMEZONE)",
        ),
        (
            {
                "patient_id": "2" * 129,
                "action": "pause",
                "event_time": "soon",
                "order_id": "\udcfc",
            },
            "order_id: holds bytes that are not in the encoding that it is read in: UTF-8, or for "
            "a file what --encoding (PUBLISHER_ENCODING) names; "
            "event_time: is not an ISO 8601 day and time: write it like 2021-01-01T02:00:00Z, "
            "or name its format with --time-format (PUBLISHER_TIME_FORMAT); "
            "patient_id: String should have at most 128 characters; "
            "medication_name: Field required; "
            "action: Input should be 'start', 'stop', 'cancel_start' or 'cancel_stop'",
        ),
    ],
)
def test_all_that_is_wrong_with_a_row_is_told_once_and_the_others_are_read(
    row: object, reason: str
) -> None:
    assert read(row, ROW) == ([EVENT], {1: reason})


def test_text_that_was_not_utf_8_is_refused() -> None:
    events, reasons = read({**ROW, "patient_id": "\udce9"}, ROW)
    assert events == [EVENT]
    assert reasons[1].startswith("patient_id: ")


def test_times_without_an_offset_are_placed_in_the_zone() -> None:
    summer = {**ROW, "event_time": "2021-07-01 02:00"}
    skipped = {**ROW, "event_time": "2021-03-28 02:30"}
    events, reasons = read(summer, skipped, zone="Europe/Berlin")
    assert [event.event_time.isoformat() for event in events] == ["2021-07-01T00:00:00+00:00"]
    assert reasons[2].startswith("event_time: does not exist in Europe/Berlin")


def test_times_of_another_format_need_the_option_and_are_told_of_it() -> None:
    german = {**ROW, "event_time": "24.11.2020 08:15"}
    assert read(german)[1][1].endswith("--time-format (PUBLISHER_TIME_FORMAT)")

    mapping = FieldMapping(Columns({}), ZoneInfo("Europe/Berlin"), ["%d.%m.%Y %H:%M"])
    assert (
        event_of(mapping, Record(1, german)).event_time.isoformat() == "2020-11-24T07:15:00+00:00"
    )
    assert event_of(mapping, Record(2, ROW)) == EVENT


@pytest.mark.parametrize("time", ["0001-01-01 00:00", "9999-12-31 23:59"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Europe/Berlin", "UTC"])
def test_what_a_program_writes_for_no_time_is_refused_in_any_zone(time: str, zone: str) -> None:
    events, reasons = read({**ROW, "event_time": time}, ROW, zone=zone)
    assert events == [EVENT]
    assert reasons[1].startswith("event_time: lies outside the years 1")


def test_texts_out_of_sheets_and_web_pages_are_those_that_a_reader_sees() -> None:
    written = [
        ("K7", "Propofol"),
        ("K7\u2060", "Propofol"),
        ("\u2007K7\u00a0", "Propofol"),
        ("K7", "Sufentanil\u202f citrate"),
        ("K7", "Sufentanil citrate"),
        ("K7", "\u200eVasopressin\u200b"),
        ("K7", "Vasopressin", "\u00a0stop "),
    ]
    text = "patient_id,medication_name,action,event_time\n"
    for patient, medication, *action in written:
        text += f"{patient},{medication},{(action or ['start'])[0]},2021-01-01T02:00:00Z\n"
    events, reasons = read(*rows(text))

    assert [(event.patient_id, event.medication_name, event.action) for event in events] == [
        ("K7", "Propofol", "start"),
        ("K7", "Propofol", "start"),
        ("K7", "Sufentanil citrate", "start"),
        ("K7", "Sufentanil citrate", "start"),
        ("K7", "Vasopressin", "start"),
        ("K7", "Vasopressin", "stop"),
    ]
    assert reasons == {2: "patient_id: holds invisible characters: remove U+2060"}


def test_a_space_in_a_time_may_be_of_any_kind() -> None:
    assert read({**ROW, "event_time": "\u00a02021-01-01\u202f 02:00:00Z"}) == ([EVENT], {})
