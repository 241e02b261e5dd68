"""Of a dead letter a patient's events go, and everything else stays as it came."""

import json

import pytest

from consumer_app.upkeep.erasure import Sifted, sift
from contracts import MAX_EVENTS

THEIRS = b'{"patient_id": "K 7", "medication_name": "Heparin"}'
ALIKE = b'{"medication_name":"X","patient_id":"\\u00a0K\\u2003 7 ","action":"?"}'
OTHERS = b'{ "patient_id":\t"K7", "weight": 1.50 , "action": "\\u0073tart"}'


@pytest.mark.parametrize("body", [THEIRS, ALIKE, b" \n" + THEIRS])
def test_a_letter_with_one_event_of_the_patient_goes_whole(body: bytes) -> None:
    assert sift(body, "K 7") == Sifted(1, None, is_unclear=False)


def test_the_events_of_others_stay_byte_by_byte() -> None:
    body = b"[ " + b" , ".join([OTHERS, THEIRS, ALIKE, OTHERS]) + b"]"
    assert sift(body, "K 7") == Sifted(2, b"[" + OTHERS + b"," + OTHERS + b"]", is_unclear=False)


def test_a_list_of_the_patient_s_events_alone_goes_whole() -> None:
    assert sift(b"[" + THEIRS + b"," + ALIKE + b"]", "K 7") == Sifted(2, None, is_unclear=False)


@pytest.mark.parametrize("body", [OTHERS, b"[" + OTHERS + b"]", b"[]"])
def test_a_letter_of_others_is_not_touched(body: bytes) -> None:
    assert sift(body, "K 7") == Sifted(0, body, is_unclear=False)


@pytest.mark.parametrize(
    "body",
    [
        b"K 7 is not json",
        b"\xff",
        b"",
        b"null",
        b'"K 7"',
        b'{"mrn": "K 7"}',
        b'{"patient_id": 7}',
        b'{"patient_id": "K\\u200b7"}',
        b'{"patient_id": "K 7"',
        b"[" * 5_000,
    ],
)
def test_a_letter_that_nobody_can_tell_whose_it_is_stays_and_is_told_of(body: bytes) -> None:
    assert sift(body, "K 7") == Sifted(0, body, is_unclear=True)


def test_what_can_not_be_told_stays_beside_what_is_erased_and_is_told_of() -> None:
    unclear = b'{"mrn": "K 7"}'
    sifted = sift(b"[" + b",".join([unclear, THEIRS, b"null"]) + b"]", "K 7")
    assert sifted == Sifted(1, b"[" + unclear + b",null]", is_unclear=True)


@pytest.mark.parametrize(("events", "is_unclear"), [(2 * MAX_EVENTS, False), (2001, True)])
def test_a_list_is_taken_apart_whole_or_not_at_all(events: int, is_unclear: bool) -> None:
    body = json.dumps([{"patient_id": "K 7"}] * events).encode()
    rest = body if is_unclear else None
    assert sift(body, "K 7") == Sifted(0 if is_unclear else events, rest, is_unclear)


def test_an_identifier_that_is_part_of_another_is_another() -> None:
    assert sift(b'{"patient_id": "K 77"}', "K 7").erased == 0
