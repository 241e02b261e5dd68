"""Formats are told by content, and each row knows the line where it begins."""

import gzip
import json

import pytest

from tests.unit.publisher.reading import contents, encoded, lines, rows

ROWS = [
    {"patient_id": "1", "medication_name": "NaCl 0.9%", "note": ""},
    {"patient_id": "2", "medication_name": "Ätherisches Öl, 薬; 💊", "note": 'say "so"'},
]
NOTE = '"say ""so"""'
FORMATS = {
    "compact array": json.dumps(ROWS, separators=(",", ":")),
    "array with spaces": json.dumps(ROWS),
    "pretty array": json.dumps(ROWS, indent=2, ensure_ascii=False),
    "array behind blank lines": " \n\n\t" + json.dumps(ROWS, indent=4),
    "JSON Lines": "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS),
    "JSON Lines with escapes": "\n".join(json.dumps(row) for row in ROWS) + "\n",
    "JSON Lines with blank lines": "\n\n".join(f"  {json.dumps(row)} " for row in ROWS) + "\n \n",
    "CSV with commas": "patient_id,medication_name,note\n"
    f'1,NaCl 0.9%,\n2,"Ätherisches Öl, 薬; 💊",{NOTE}\n',
    "CSV with semicolons": "patient_id;medication_name;note\n"
    f'1;NaCl 0.9%;\n2;"Ätherisches Öl, 薬; 💊";{NOTE}\n',
    "CSV with tabs": "patient_id\tmedication_name\tnote\n"
    f"1\tNaCl 0.9%\t\n2\tÄtherisches Öl, 薬; 💊\t{NOTE}\n",
    "CSV with blank lines and without a last newline": "\n\npatient_id,medication_name,note\n\n"
    f'1,NaCl 0.9%,\n\n\n2,"Ätherisches Öl, 薬; 💊",{NOTE}',
    "CSV with all quoted": '"patient_id","medication_name","note"\n'
    f'"1","NaCl 0.9%",""\n"2","Ätherisches Öl, 薬; 💊",{NOTE}\n',
    "CSV with spaces in the header": " patient_id , medication_name,note \n"
    f'1,NaCl 0.9%,\n2,"Ätherisches Öl, 薬; 💊",{NOTE}\n',
}
BYTE_ORDER_MARK = "\ufeff".encode()


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_each_format_gives_the_same_rows(text: str) -> None:
    assert contents(text) == ROWS
    assert contents(text.replace("\n", "\r\n")) == ROWS
    assert contents(BYTE_ORDER_MARK + encoded(text)) == ROWS
    assert contents(gzip.compress(encoded(text))) == ROWS
    assert contents(gzip.compress(BYTE_ORDER_MARK + encoded(text))) == ROWS
    assert all(row.problem is None for row in rows(text))


@pytest.mark.parametrize("nothing", ["", " ", "\n\r\n\t\n", "[]", "[ \n ]", "patient_id,action\n"])
def test_an_input_without_rows_has_none(nothing: str) -> None:
    assert rows(nothing) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{}\n{}\n{}", [1, 2, 3]),
        ("\n\n{}\n\n\n{}\n", [3, 6]),
        ('{"a":"\\n"}\n{}', [1, 2]),
        ("[{},{},{}]", [1, 1, 1]),
        ("[\n{},\n{}\n,\n{}]", [2, 3, 5]),
        ("\n\n[\n\n{}\n,{}]", [5, 6]),
        ('[{"a":\n1,\n"b":[\n]},\n{}\n,\n\n{}]', [1, 5, 8]),
        ("a\n1\n2\n", [2, 3]),
        ("\n\na,b\n\n1,2\n\n3,4", [5, 7]),
        ('a,b\n"x\ny\nz",2\n3,4\n', [2, 5]),
        ('"a\nb",c\n1,2\n3,4\n', [3, 4]),
    ],
)
def test_a_row_knows_the_line_where_it_begins(text: str, where: list[int]) -> None:
    assert lines(text) == where
    assert lines(text.replace("\n", "\r\n")) == where


@pytest.mark.parametrize("indent", [None, 2])
def test_the_lines_of_a_long_array_are_exact_across_all_windows(indent: int | None) -> None:
    many = [{"number": number, "text": "é\n" * (number % 50)} for number in range(3_000)]
    array = json.dumps(many, indent=indent)
    beginnings = [
        number
        for number, line in enumerate(array.split("\n"), start=1)
        if line == "  {" or indent is None
    ]
    assert contents(array) == many
    assert lines(array) == (beginnings if indent else [1] * len(many))


@pytest.mark.parametrize("number", ["12345678901234567890", "1.5", "1e5", "-0.25"])
def test_a_number_is_read_whole_wherever_the_window_ends(number: str) -> None:
    for before in range(len(number) + 2):
        spaces = " " * (64 * 1024 - before)
        assert contents(f"[\n{spaces}{number},{{}}]") == [json.loads(number), {}]


def test_of_two_columns_with_one_name_neither_stops_the_file() -> None:
    assert contents("a,b,b\n1,2,3\n") == [{"a": "1", "b": "3"}]
