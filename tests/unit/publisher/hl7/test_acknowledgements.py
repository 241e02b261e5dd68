"""What is answered, in the mode that a message asks for."""

from datetime import UTC, datetime

import hl7
import pytest

from publisher_app.formats.hl7.acknowledgements import acknowledgement
from publisher_app.formats.hl7.errors import Wrong
from publisher_app.formats.hl7.messages import header_of
from tests.unit.publisher.hl7.messages import header, message

NOW = datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC)
ERROR, REFUSAL = Wrong(102, "RXA-3", "is no time"), Wrong(200, "MSH-9", "is no RAS")


def answer(problem: Wrong | None = None, **fields: str) -> str | None:
    found = acknowledgement(header_of(message(header(**fields))), problem, NOW)
    return None if found is None else found.content.decode("latin-1")


def code(problem: Wrong | None, accept: str, application: str) -> str | None:
    written = answer(problem, msh_15=accept, msh_16=application)
    return None if written is None else str(hl7.parse(written).segment("MSA")(1))


@pytest.mark.parametrize(
    ("accept", "application", "good", "bad", "refused"),
    [
        ("", "", "AA", "AE", "AR"),
        ("AL", "NE", "CA", "CE", "CR"),
        ("AL", "AL", "CA", "CE", "CR"),
        ("ER", "NE", None, "CE", "CR"),
        ("ER", "AL", "AA", "CE", "CR"),
        ("SU", "NE", "CA", None, None),
        ("NE", "AL", "AA", "AE", "AR"),
        ("NE", "ER", "AA", "AE", "AR"),
        ("NE", "SU", "AA", None, None),
        ("NE", "NE", None, None, None),
        ("", "AL", "AA", "AE", "AR"),
        ("", "ER", "AA", "AE", "AR"),
    ],
)
def test_there_is_one_answer_in_the_mode_that_is_asked_for(
    accept: str, application: str, good: str | None, bad: str | None, refused: str | None
) -> None:
    assert code(None, accept, application) == good
    assert code(ERROR, accept, application) == bad
    assert code(REFUSAL, accept, application) == refused


def test_an_answer_swaps_sender_and_receiver_and_names_the_message() -> None:
    assert answer(msh_18="8859/1") == (
        "MSH|^~\\&|PERIODS|HOSPITAL|PUMPS|ICU|20210102030405+0000||ACK^O17^ACK|20210102030405000000"
        "|P|2.5||||||8859/1\rMSA|AA|42\r"
    )


def test_an_error_is_told_by_place_and_code() -> None:
    written = answer(ERROR) or ""
    assert written.split("\r")[1:3] == [
        "MSA|AE|42",
        "ERR||RXA^1^3|102^Data type error^HL70357|E||||RXA-3: is no time",
    ]
    before = answer(ERROR, msh_12="2.4") or ""
    assert before.split("\r")[2] == "ERR|RXA^1^3^102&Data type error&HL70357"
    component = answer(Wrong(201, "MSH-9.2", "is not O17")) or ""
    assert "|MSH^1^9^1^2|201^Unsupported event code^HL70357|" in component


def test_what_is_no_message_is_refused_without_a_name() -> None:
    written = acknowledgement(None, Wrong(100, "MSH", "is not the first segment"), NOW)
    assert written is not None
    assert written.content.split(b"\r")[1] == b"MSA|AR|"


def test_an_escape_that_is_none_is_answered_as_it_is_written() -> None:
    written = answer(msh_10=r"4\XZZ\2") or ""
    assert written.split("\r")[1] == r"MSA|AA|4\XZZ\2"


def test_a_condition_that_is_none_leaves_nobody_without_an_answer() -> None:
    assert code(None, "\\XZZ\\", "?") == "AA"
    assert code(None, "NE", "sometimes") == code(None, "NE", "")


def test_a_message_without_a_control_id_is_an_error() -> None:
    written = answer(None, msh_10="") or ""
    assert written.split("\r")[1:3] == [
        "MSA|AE|",
        "ERR||MSH^1^10|101^Required field missing^HL70357|E||||MSH-10: is missing",
    ]
