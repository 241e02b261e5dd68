"""JSON is read however it is laid out: over lines, one behind another, in an object's list."""

import io
import json
from collections.abc import Callable, Iterator
from typing import IO

import pytest

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.recognition import json_records_of, records_of
from publisher_app.formats.records import Record
from tests.unit.publisher.reading import lines, rows

EVENTS = [
    {
        "patient_id": "1",
        "medication_name": 'X {"[ö',
        "action": "start",
        "event_time": "2021-01-01T08:00:00Z",
        "more": {"a": [1, {"b": []}]},
    },
    {"patient_id": "2", "medication_name": "Y"},
    {"patient_id": "3"},
]


def pretty(value: object, indent: int | str = 2) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)


WRAPPED = {"count": 3, "meta": {"page": [1, 2]}, "events": EVENTS, "errors": [], "next": None}
FORMS = {
    "pretty, one behind another": "\n".join(map(pretty, EVENTS)),
    "pretty without indentation": "\n".join(pretty(event, 0) for event in EVENTS),
    "pretty with tabs, parted by blank lines": "\n\n".join(pretty(each, "\t") for each in EVENTS),
    "pretty, closed and opened in one line": "".join(map(pretty, EVENTS)),
    "all in one line": "".join(map(json.dumps, EVENTS)),
    "all in one line, parted by spaces": " ".join(map(json.dumps, EVENTS)),
    "broken within the first": json.dumps(EVENTS[0]).replace('"action"', '\n"action"')
    + "\n"
    + "\n".join(map(json.dumps, EVENTS[1:])),
    "in an object": json.dumps({"events": EVENTS}),
    "in an object over lines": pretty({"events": EVENTS}),
    "in an object with more around": json.dumps(WRAPPED),
    "in an object with more around, over lines": pretty(WRAPPED),
    "in an object by any name": json.dumps({"data": EVENTS}),
    "in objects one behind another": json.dumps({"events": EVENTS[:1]})
    + "\n"
    + json.dumps({"events": EVENTS[1:]}),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("read", [records_of, json_records_of], ids=["file", "posted"])
def test_each_form_gives_the_same_records(
    read: Callable[[IO[str], Columns], Iterator[Record]], text: str
) -> None:
    for written in (text, f"\n{text}\n", text.replace("\n", "\r\n"), f"\ufeff{text}"):
        read_back = list(read(io.StringIO(written, newline=""), Columns({})))
        assert [record.content for record in read_back] == EVENTS
        assert all(record.problem is None for record in read_back)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("\n".join(map(pretty, EVENTS)), [1, 15, 19]),
        ("\n\n" + "\n".join(map(pretty, EVENTS)), [3, 17, 21]),
        (json.dumps({"events": EVENTS}), [1, 1, 1]),
        (pretty({"events": EVENTS}), [3, 17, 21]),
        ('{"a": 1}{"a": 2}\n{"a": 3}', [1, 1, 2]),
    ],
)
def test_a_record_knows_the_line_where_it_begins(text: str, where: list[int]) -> None:
    assert lines(text) == where


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("form", [{"events": None}, {"page": {"of": 1}, "events": None}, None])
def test_far_more_than_may_be_held_is_read(
    form: dict[str, object] | None, indent: int | None
) -> None:
    many = [{"patient_id": str(number), "note": "é" * 100} for number in range(10_000)]
    if form is None:
        text = "\n".join(json.dumps(each, indent=indent) for each in many)
    else:
        text = json.dumps({**form, "events": many}, indent=indent)
    assert [record.content for record in rows(text, Columns({}))] == many


@pytest.mark.parametrize("text", ['{"events": []}', '{"events": [\n]\n}', '{"n": 0, "events": []}'])
def test_an_object_around_an_empty_list_of_events_holds_no_record(text: str) -> None:
    assert rows(text, Columns({})) == []


def test_an_object_with_any_other_empty_list_is_a_record() -> None:
    unknown = {"MRN": "1", "drug": "X", "tags": []}
    assert rows(json.dumps(unknown), Columns({})) == [Record(1, unknown)]


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ({"events": EVENTS, "deleted": EVENTS}, "events and deleted"),
        ({"events": [], "deleted": EVENTS}, "events and deleted"),
        ({"added": [], "removed": EVENTS}, "added and removed"),
        ({"data": EVENTS, "errors": []}, "data and errors"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_of_an_object_with_two_lists_none_is_taken_that_is_not_sure(
    lists: dict[str, object], told: str, indent: int | None
) -> None:
    with pytest.raises(UnreadableInput, match=f"it holds several lists, {told}: "):
        rows(json.dumps({"n": 2, **lists}, indent=indent), Columns({}))


@pytest.mark.parametrize("behind", [{"patient_id": "1"}, {"items": [{}]}, {}])
def test_each_object_behind_one_around_a_list_must_be_around_one_of_that_name(
    behind: dict[str, object],
) -> None:
    read: list[Record] = []
    text = f"{json.dumps({'events': EVENTS})}\n{json.dumps(behind)}\n"
    with pytest.raises(UnreadableInput, match="line 2: holds "):
        read.extend(records_of(io.StringIO(text), Columns({})))
    assert len(read) == len(EVENTS)


@pytest.mark.parametrize(("name", "count"), [("events", 1), ("events", 1_000), ("data", 0)])
def test_a_second_list_that_comes_late_ends_the_reading(name: str, count: int) -> None:
    long = [{"patient_id": "1", "note": "x" * 1_000}] * 2_000
    with pytest.raises(UnreadableInput, match="line 1: holds another list, deleted: "):
        rows(json.dumps({name: long, "deleted": [{}] * count}), Columns({}))


@pytest.mark.parametrize(
    "event", [{"patient_id": "1", "parts": [{"a": 1}]}, {"action": "start", "events": EVENTS}]
)
def test_an_event_with_a_list_of_its_own_is_no_object_around_events(event: object) -> None:
    assert rows(json.dumps(event), Columns({})) == [Record(1, event)]
    assert rows(pretty(event), Columns({})) == [Record(1, event)]


def test_a_mapped_name_makes_an_event_of_an_object_with_a_list() -> None:
    event = {"MRN": "1", "parts": [{"a": 1}]}
    assert rows(json.dumps(event), Columns({"patient_id": "MRN"})) == [Record(1, event)]
    assert rows(json.dumps(event), Columns({})) == [Record(1, {"a": 1})]


@pytest.mark.parametrize(
    ("text", "good", "told"),
    [
        ('{\n"a": 1\n}\n{\n"a" 2\n}\n', 1, "line 5: is not JSON: Expecting ':' delimiter"),
        ('{\n"a": 1\n}\n{\n"a": 2\n', 1, "line 6: is not JSON: Expecting ',' delimiter"),
        ('{\n"a": 1\n}\n}\n', 1, "line 4: is not JSON: Expecting value"),
        ("{\n", 0, "line 2: is not JSON: Expecting property name enclosed in double quotes"),
        ('{"events": [{},\n{"a": }]}', 1, "line 2: is not JSON: Expecting value"),
        ('{"events": [{},\n{}', 2, "line 2: expected ']' in the JSON"),
        ('{"events": [{}]\n', 1, "line 2: expected ',' in the JSON"),
        ('{\n"note": "' + "x" * 2_000_000 + '"\n}', 0, "line 1: is longer than 1048576 characters"),
    ],
)
def test_what_is_spread_over_lines_is_read_up_to_the_line_that_is_broken(
    text: str, good: int, told: str
) -> None:
    read: list[Record] = []
    with pytest.raises(UnreadableInput) as caught:
        read.extend(records_of(io.StringIO(text, newline=""), Columns({})))
    assert str(caught.value) == told
    assert len(read) == good


def test_a_first_line_that_is_cut_off_is_a_reject_and_the_lines_behind_it_are_read() -> None:
    for cut in ('{"a": 1,', '{"a":', '{"a": "x', '{"a": [1, 2'):
        first, *others = rows(f'{cut}\n{{"a": 2}}\n{{"a": 3}}\n', Columns({}))
        assert (first.place, first.content) == (1, cut)
        assert str(first.problem).startswith("is not JSON: ")
        assert others == [Record(2, {"a": 2}), Record(3, {"a": 3})]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_does_not_know_is_an_absent_value(constant: str) -> None:
    for text in (f'{{"a": {constant}}}', f'[{{"a": {constant}}}]', f'{{\n"a": {constant}\n}}'):
        assert rows(text, Columns({})) == [Record(1, {"a": None})]
