"""An input's columns are known before its first row, and what they lack is told in one line."""

import json
import logging
from collections.abc import Mapping

import pytest

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.mapping import FieldMapping
from publisher_app.formats.records import Record
from tests.unit.publisher.reading import event_of, rows

HEADER = "patient_id,medication_name,action,event_time"
ROW = "4711,Heparin,start,2021-01-01T08:00:00Z"
EVENT = dict(zip(HEADER.split(","), ROW.split(","), strict=True))


def refusal(text: str, mapped: Mapping[str, str] | None = None, skip_lines: int = 0) -> str:
    with pytest.raises(UnreadableInput) as caught:
        rows(text, Columns(mapped or {}), skip_lines)
    told = str(caught.value)
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("header", "mapped", "told"),
    [
        (
            f"{HEADER},linkorderid",
            {"order_id": "linkorderID"},
            "it has no column linkorderID (the nearest is linkorderid); the columns are "
            "patient_id, medication_name, action, event_time, linkorderid; name others with --map "
            "(PUBLISHER_MAP)",
        ),
        (
            "MRN,medication,action,time",
            {},
            "it has no column patient_id (or p_id), medication_name (the nearest is medication), "
            "event_time (the nearest is time); the columns are MRN, medication, action, time; "
            "name others with --map (PUBLISHER_MAP)",
        ),
        (f"{HEADER},action", {}, "the column action is there 2 times"),
        (f"{HEADER},MRN,MRN", {"patient_id": "MRN"}, "the column MRN is there 2 times"),
        (
            f"{HEADER},p_id",
            {},
            "patient_id and p_id are there together: name the one that holds the patient_id with "
            "--map patient_id=… (PUBLISHER_MAP)",
        ),
        (
            f"{HEADER},Order ID,order_id",
            {},
            "Order ID and order_id are there together: name the one that holds the order_id with "
            "--map order_id=… (PUBLISHER_MAP)",
        ),
    ],
)
def test_a_header_that_lacks_a_column_or_has_one_twice_is_refused(
    header: str, mapped: dict[str, str], told: str
) -> None:
    assert refusal(f"{header}\n{ROW},1,2\n", mapped) == told


@pytest.mark.parametrize(
    "text",
    [
        ROW,
        f"{ROW}\n{ROW}\n",
        f"{ROW};{ROW}",
        "Report on patient Doe",
        "Report, on, Doe 4711, of today",
        "4711\n",
    ],
)
def test_of_a_first_line_that_is_no_header_nothing_is_repeated(text: str) -> None:
    told = refusal(text)
    assert told.startswith("its first line is no header, as it names none of patient_id (or p_id),")
    assert not {"4711", "Heparin", "Doe"} & set(told.replace(",", " ").split())


def test_the_columns_of_a_header_that_names_none_of_the_fields_are_told() -> None:
    assert "the columns are Patient, Drug, What, When;" in refusal("Patient;Drug;What;When\n")


def test_a_long_header_is_told_by_its_beginning() -> None:
    told = refusal("action," + ",".join(f"column {number}" for number in range(1_000)))
    assert len(told) < 1_500


@pytest.mark.parametrize("titles", ["Doses of today", 'Doses of today\n\n"of","ward 5"', "a;b;c;d"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_lines_above_the_header_are_counted_for_the_option_that_passes_over_them(
    titles: str, delimiter: str
) -> None:
    text = f"{titles}\n" + f"{HEADER}\n{ROW}\n".replace(",", delimiter)
    number = titles.count("\n") + 1

    told = refusal(text)
    assert told.startswith(f"its header is line {number + 1}: ")
    assert f" --skip-lines {number} (PUBLISHER_SKIP_LINES)" in told
    assert rows(text, Columns({}), skip_lines=number) == [Record(number + 2, EVENT)]


def test_lines_that_are_passed_over_are_not_looked_at() -> None:
    text = "\ufeff<title>\n\n" + json.dumps(EVENT)
    assert rows(text, Columns({}), skip_lines=1) == [Record(3, EVENT)]
    assert rows(text, Columns({}), skip_lines=9) == []


@pytest.mark.parametrize("header", ["Patient ID,MEDICATION_NAME,Action,eventTime", HEADER.upper()])
def test_names_are_the_same_in_any_case_and_with_or_without_spaces(header: str) -> None:
    columns = Columns({})
    (row,) = rows(f"{header}\n{ROW}", columns)
    assert row.content == dict(zip(header.split(","), ROW.split(","), strict=True))
    assert event_of(FieldMapping(columns, None), row).patient_id == "4711"


@pytest.mark.parametrize(
    "name",
    ["\ufeff\ufeffpatient_id", "\u200bpatient_id", "patient\u00a0id ", "Patient\u2009\u2060ID"],
)
def test_the_name_of_a_column_is_read_as_the_texts_of_an_event_are(name: str) -> None:
    header = HEADER.replace("patient_id", name)
    in_json = json.dumps(EVENT, ensure_ascii=False).replace("patient_id", name)
    columns = Columns({})
    for text in (f"{header}\n{ROW}", in_json):
        (row,) = rows(text, columns)
        assert event_of(FieldMapping(columns), row).patient_id == "4711"


@pytest.mark.parametrize(
    ("mapped", "name"),
    [("Patient Nr", "Patient\u00a0Nr"), ("Patient\u00a0Nr", " Patient  Nr"), ("Nr\u200e", "Nr")],
)
def test_a_mapped_name_that_looks_like_a_column_s_is_its_name(mapped: str, name: str) -> None:
    columns = Columns({"patient_id": mapped})
    event = {**EVENT, name: "42"}
    header = ",".join(event)
    for text in (f"{header}\n{ROW},42", json.dumps(event)):
        (row,) = columns.checked(rows(text, columns))
        assert event_of(FieldMapping(columns), row).patient_id == "42"


def test_two_columns_that_look_equal_are_one_that_is_there_twice() -> None:
    told = refusal(f"{HEADER},MRN,MRN\u200b\n", {"patient_id": "MRN"})
    assert told == "the column MRN is there 2 times"


def test_a_column_that_no_field_needs_may_be_there_twice() -> None:
    assert len(rows(f"{HEADER},note,note,\n{ROW},a,b,\n", Columns({}))) == 1


def test_a_mapped_column_stands_beside_the_fields_own_name_and_that_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    columns = Columns({"patient_id": "MRN"})
    with caplog.at_level(logging.WARNING):
        (row,) = rows(f"{HEADER},MRN\n{ROW},42\n", columns)
        assert event_of(FieldMapping(columns, None), row).patient_id == "42"
    assert caplog.messages == ["patient_id is read from MRN, and not from patient_id"]


class Given:
    """Counts how many of its records were taken."""

    def __init__(self, *contents: object) -> None:
        self.contents = contents
        self.taken = 0

    def __iter__(self) -> "Given":
        return self

    def __next__(self) -> Record:
        if self.taken == len(self.contents):
            raise StopIteration
        self.taken += 1
        return Record(self.taken, self.contents[self.taken - 1])


ORDERS = Columns({"order_id": "linkorderid"})


def test_records_wait_until_each_mapped_name_was_in_one_of_them() -> None:
    given = Given(EVENT, EVENT, {**EVENT, "linkorderid": None}, EVENT)
    checked = ORDERS.checked(given)
    assert next(checked) == Record(1, EVENT)
    assert given.taken == 3
    assert len(list(checked)) == 3


@pytest.mark.parametrize("count", [1, 5_000])
def test_where_no_record_has_a_mapped_name_none_is_let_through(count: int) -> None:
    given = Given(*[{**EVENT, "linkOrderId": "A"}] * count)
    with pytest.raises(UnreadableInput) as caught:
        next(ORDERS.checked(given))
    assert str(caught.value) == (
        "no record has a column linkorderid (the nearest is linkOrderId); the columns are "
        "patient_id, medication_name, action, event_time, linkOrderId; name others with --map "
        "(PUBLISHER_MAP)"
    )
    assert given.taken <= 1_000


@pytest.mark.parametrize("contents", [[], ["broken"], [[1], 5]])
def test_records_without_any_name_are_let_through_to_be_rejected_one_by_one(
    contents: list[object],
) -> None:
    assert len(list(ORDERS.checked(Given(*contents)))) == len(contents)


def test_without_a_mapping_no_record_waits() -> None:
    given = Given(EVENT, EVENT)
    next(Columns({}).checked(given))
    assert given.taken == 1


EVENT_IDS = {"event_id": "EID"}


def test_of_a_live_input_no_record_waits_that_can_be_an_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = Given(*[EVENT] * 5, {**EVENT, "EID": "7"}, EVENT)
    checked = Columns(EVENT_IDS).checked(given, live=True)
    for number in range(1, 8):
        assert next(checked).place == given.taken == number
    assert caplog.messages == [
        "no record yet has a column EID; the columns are patient_id, medication_name, action, "
        "event_time; name others with --map (PUBLISHER_MAP)"
    ]


@pytest.mark.parametrize("count", [1, 999, 5_000])
def test_a_live_input_without_a_mapped_name_is_refused_behind_what_it_brought(count: int) -> None:
    taken: list[Record] = []
    checked = Columns(EVENT_IDS).checked(Given(*[EVENT] * count), live=True)
    with pytest.raises(UnreadableInput, match="no record has a column EID;"):
        taken.extend(checked)
    assert len(taken) == min(count, 1_000)


@pytest.mark.parametrize("name", ["eid", "E_ID", "event_id", "Event ID"])
def test_a_live_input_with_another_spelling_of_a_mapped_name_is_refused_at_once(name: str) -> None:
    checked = Columns(EVENT_IDS).checked(Given({**EVENT, name: "7"}, EVENT), live=True)
    with pytest.raises(UnreadableInput, match="no record has a column EID"):
        next(checked)


def test_of_a_live_input_records_without_a_required_mapped_name_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nobodys = {name: value for name, value in EVENT.items() if name != "patient_id"}
    given = Given(nobodys, nobodys, {**nobodys, "MRN": "42"}, nobodys)
    checked = Columns({"patient_id": "MRN"}).checked(given, live=True)
    assert next(checked).place == 1
    assert given.taken == 3
    assert len(caplog.messages) == 1
