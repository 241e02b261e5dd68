"""The run in a message's headers: read like any identifier, refused with a reason, or absent."""

import pytest

from contracts import (
    MAX_IDENTIFIER_CHARACTERS,
    RUN_HEADER,
    SOURCE_HEADER,
    checked_run,
    headers_of,
    run_of_message,
    source_of_message,
)


def test_a_message_names_its_run_or_belongs_to_none() -> None:
    assert run_of_message({RUN_HEADER: "monday", "x-delivery-count": 3}) == ("monday", None)
    assert run_of_message({"x-delivery-count": 3}) == (None, None)


def test_a_run_is_written_in_one_way() -> None:
    assert checked_run(" u\u0308ber ") == "\xfcber"


@pytest.mark.parametrize("name", ["", "a\nb", "x" * (MAX_IDENTIFIER_CHARACTERS + 1), 7, b"\xff"])
def test_what_can_not_be_a_run_is_refused_by_either_reader(name: object) -> None:
    run, refusal = run_of_message({RUN_HEADER: name})

    assert run is None
    assert refusal is not None
    assert refusal.startswith("run-id: ")
    with pytest.raises(ValueError, match=r"\w"):
        checked_run(name)


def test_a_message_of_a_run_tells_who_brought_it_and_one_of_none_does_not() -> None:
    headers = headers_of("monday", "pump at 10.0.0.7")
    assert source_of_message(headers) == "pump at 10.0.0.7"
    assert headers_of("monday") == {RUN_HEADER: "monday"}
    assert headers_of(None, "pump at 10.0.0.7") == {}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" a\nb\t c ", "a b c"),
        ("a\x00\u200bb", "a??b"),
        ("\udcff", "?"),
        ("x" * 300, "x" * 256),
        ("", None),
        (7, None),
        (b"pump", None),
    ],
)
def test_who_brought_it_is_one_line_and_refuses_no_message(
    written: object, read: str | None
) -> None:
    headers: dict[str, object] = {RUN_HEADER: "monday", SOURCE_HEADER: written}
    assert source_of_message(headers) == read
    assert run_of_message(headers) == ("monday", None)
