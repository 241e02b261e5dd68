"""The run in a message's headers: read like any identifier, refused with a reason, or absent."""

import pytest

from contracts import MAX_IDENTIFIER_CHARACTERS, RUN_HEADER, checked_run, run_of_message


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
