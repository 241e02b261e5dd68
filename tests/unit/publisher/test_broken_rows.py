"""A row that can't be taken apart is told with its line, and the rows behind it are read."""

import io
import json
from typing import Any

import pytest

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.recognition import records_of
from publisher_app.formats.records import MAX_CHARACTERS, Record
from tests.unit.publisher.reading import rows


def test_a_broken_json_line_is_kept_as_it_was() -> None:
    assert rows('{"a": 1}\n{"a": \nbad\n{"a": 2}\n') == [
        Record(1, {"a": 1}),
        Record(2, '{"a":', "is not JSON: Expecting value at column 6"),
        Record(3, "bad", "is not JSON: Expecting value at column 1"),
        Record(4, {"a": 2}),
    ]


@pytest.mark.parametrize("line", ['{"a":' + "[" * 50_000, '{"a":' + "9" * 5_000 + "}"])
def test_a_json_line_that_no_decoder_takes_is_a_row_with_a_problem(line: str) -> None:
    first, second = rows(f"{line}\n{{}}")
    assert (first.place, first.content) == (1, line)
    assert first.problem is not None
    assert second == Record(2, {})


def test_csv_rows_with_too_many_values_are_kept_as_they_were() -> None:
    assert rows('a,b\n1,2,\t,3\n1,2\n1,2,"3\n3"\r\n4,5') == [
        Record(2, "1,2,\t,3\n", "has 4 values where the header names 2"),
        Record(3, {"a": "1", "b": "2"}),
        Record(4, '1,2,"3\n3"\r\n', "has 3 values where the header names 2"),
        Record(6, {"a": "4", "b": "5"}),
    ]


@pytest.mark.parametrize("rest", ["3,4\n5,6\n", '3,4\n5,"6"\n'])
def test_a_csv_quote_that_is_not_closed_swallows_no_rows_in_silence(rest: str) -> None:
    (row,) = rows('a,note\n1,"open\n' + rest)
    assert (row.place, row.content) == (2, '1,"open\n' + rest)
    assert row.problem is not None


def test_a_csv_quote_that_never_closes_takes_a_bounded_part_of_the_file_with_it() -> None:
    count = 40_000
    read = rows('a,b\n1,"open\n' + "1,2\n" * count)
    broken = [row for row in read if row.problem]

    assert [(row.place, row.problem) for row in broken] == [
        (2, "is not CSV: field larger than field limit (131072)")
    ]
    kept = str(broken[0].content)
    assert kept.startswith('1,"open\n1,2\n')
    # Nothing is lost: what is not in the broken row is a row of its own.
    assert kept.count("\n") - 1 + len(read) - 1 == count
    assert read[-1] == Record(count + 2, {"a": "1", "b": "2"})


@pytest.mark.parametrize(
    ("text", "good", "message"),
    [
        ("[{},\n{bad},\n{}]", 1, "line 2: is not JSON: Expecting property name"),
        ('[{},\n{"a":\n1 2},{}]', 1, "line 3: is not JSON: Expecting ',' delimiter"),
        ("[{},\n{}", 2, "line 2: expected ']'"),
        ("[{},\n", 1, "line 2: is not JSON: Expecting value"),
        ("[{},\n]", 1, "line 2: is not JSON: Expecting value"),
        ("[{}\n{}]", 1, "line 2: expected ']'"),
        ("[{}]\n\n{}", 1, "line 3: there is more behind the end of the array"),
        ("[{}][{}]", 1, "line 1: there is more behind the end of the array"),
        ("[", 0, "line 1: is not JSON: Expecting value"),
        ("[{},\n" + "[" * 1_000_000, 1, "line 2: JSON nested too deeply"),
    ],
)
def test_a_broken_array_is_read_up_to_the_line_that_is_told(
    text: str, good: int, message: str
) -> None:
    read: list[Record] = []
    with pytest.raises(UnreadableInput) as caught:
        read.extend(records_of(io.StringIO(text, newline=""), Columns({})))
    assert [row.content for row in read] == [{}] * good
    assert str(caught.value).startswith(message)


def test_elements_that_are_no_objects_are_rows_like_any_other() -> None:
    elements: list[Any] = ["bad", 5, 1.5, None, True, [1, [2]], {"a": {"b": 1}}]
    assert [row.content for row in rows(json.dumps(elements))] == elements


LONG = "x" * MAX_CHARACTERS


@pytest.mark.parametrize("before", ["{}\n", ""])
def test_a_json_line_that_is_too_long_is_one_row_and_is_not_kept(before: str) -> None:
    read = rows(before + '{"a": "' + LONG * 3 + '"}\n{"b": 1}\n')
    line = before.count("\n") + 1
    assert read[-2:] == [
        Record(line, None, "is longer than 1048576 characters"),
        Record(line + 1, {"b": 1}),
    ]
    assert len(read) == line + 1


def test_a_csv_line_that_is_too_long_is_one_row_with_a_problem() -> None:
    read = rows("a,b\n1," + LONG * 3 + "\n3,4\n")
    assert [(row.place, bool(row.problem)) for row in read] == [(2, True), (3, False)]
    assert len(str(read[0].content)) <= MAX_CHARACTERS


def test_a_csv_line_that_is_too_long_is_never_cut_into_a_good_row() -> None:
    # The last value lies across the greatest length.
    notes = ["x" * 131_000] * 8 + ["x" * 560]
    (row,) = rows("a,b,c,d,e,f,g,h,i,order_id\n" + ",".join([*notes, "1234567890"]))
    assert row.problem is not None


def test_an_array_element_that_is_too_long_ends_the_reading() -> None:
    with pytest.raises(UnreadableInput, match="line 2"):
        rows('[{},\n{"a": "' + LONG * 3 + '"}, {}]')
