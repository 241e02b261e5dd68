"""What is wrong with an audit is told by chain and record, and what is right is not."""

from typing import Any

import pytest

from consumer_app.audit.chain import Anchor, Head, Link
from consumer_app.audit.verification import Verification, heads_in, told
from tests.unit.audit.chains import CODES, chained, heads_of, problems_in

LINKS = chained(["a", "b", "c"], ["d"], ["e", "f"])
A, B, C, D, E, F = LINKS


def test_a_changed_record_is_named_once() -> None:
    changed = B._replace(record="B")

    assert problems_in([A, changed, C, D, E, F]) == [
        "chain 1: record 2 is not as it was recorded, or not in its place"
    ]


def test_records_that_change_places_are_found() -> None:
    moved = A._replace(number=2), B._replace(number=1)

    assert len(problems_in([*moved, C, D, E, F])) == 3


def test_a_deleted_record_is_found() -> None:
    assert problems_in([A, C, D, E, F]) == ["chain 1: record 2 is missing"]


def test_a_deleted_beginning_is_found() -> None:
    assert problems_in([C, D, E, F]) == ["chain 1: records 1 to 2 are missing"]


def test_a_chain_that_is_gone_shows_by_its_number() -> None:
    assert problems_in([A, B, C, E, F]) == ["chain 2: is missing"]


def test_chains_that_are_gone_are_told_as_a_range_however_many() -> None:
    forged = Link(2**53 - 1, 1, "{}", bytes(32))

    assert problems_in([A, B, C, forged]) == [
        f"chains 2 to {2**53 - 2}: are missing",
        f"chain {2**53 - 1}: record 1 is not as it was recorded, or not in its place",
    ]
    assert problems_in(
        LINKS, heads_in(["audit chain 9999999999999999 has 1 records, code " + "0" * 64])
    ) == [
        "chains 4 to 9999999999999998: are missing",
        "chain 9999999999999999: record 1 is missing",
    ]


@pytest.mark.parametrize(
    "row",
    [
        (1, -4, "{}", b""),
        (-1, 1, "{}", b""),
        (1, 3, None, b""),
        (1, "c", "{}", b""),
        (1, 3, "{}", ""),
    ],
)
def test_a_row_that_is_no_record_is_a_problem_and_keeps_no_other_from_being_verified(
    row: tuple[Any, ...],
) -> None:
    verification = Verification(CODES, [])
    for each in (A, B, row, C, D, E._replace(record="E"), F):
        verification.add(each)
    verification.end()

    assert verification.problems == [
        "record 3 of all is none",
        "chain 3: record 1 is not as it was recorded, or not in its place",
    ]


def test_all_that_the_log_tells_of_a_chain_is_compared() -> None:
    other = chained(["a", "b", "other"])[-1].head

    for seen in ([C.head, other], [other, C.head]):
        assert problems_in(LINKS, seen) == ["chain 1: record 3 is another than the one in the log"]


def test_missing_ends_show_by_the_log_alone() -> None:
    seen = heads_of(LINKS)

    assert problems_in([A, D, E]) == []
    assert problems_in([A, D, E], seen) == [
        "chain 1: records 2 to 3 are missing",
        "chain 3: record 2 is missing",
    ]
    assert problems_in([A, B, C], seen) == [
        "chain 2: record 1 is missing",
        "chain 3: records 1 to 2 are missing",
    ]


def test_an_end_that_was_made_anew_with_the_key_differs_from_the_log() -> None:
    anew = chained(["a", "b", "other"], ["d"], ["e", "f"])

    assert problems_in(anew) == []
    assert problems_in(anew, heads_of(LINKS)) == [
        "chain 1: record 3 is another than the one in the log"
    ]


def test_what_was_recorded_after_the_log_is_no_problem() -> None:
    assert problems_in(LINKS, [A.head, E.head]) == []


def test_what_is_purged_is_no_problem_and_the_log_may_still_have_it() -> None:
    anchors = [CODES.anchor(B.head), CODES.anchor(D.head)]

    assert problems_in([C, E, F], [A.head, B.head, C.head, D.head], anchors) == []


def test_what_is_cut_off_behind_a_purge_is_found() -> None:
    assert problems_in([D, E, F], [C.head], [CODES.anchor(B.head)]) == [
        "chain 1: record 3 is missing"
    ]


def test_a_purge_that_nobody_with_the_key_made_is_found() -> None:
    forged = Anchor(*B.head, seal=bytes(32))

    assert problems_in([C, D, E, F], [], [forged]) == [
        "chain 1: what tells that its beginning was purged is forged"
    ]


def test_what_was_purged_and_is_there_again_is_found() -> None:
    assert problems_in([B, C, D, E, F], [], [CODES.anchor(B.head)]) == [
        "chain 1: record 2 is there again, and was purged"
    ]


def test_the_log_of_a_service_is_read_whatever_stands_around_its_lines() -> None:
    head = Head(17, 120, bytes(range(32)))
    log = [
        "2026-11-27 06:00:00,000 INFO consumer_app: connected\n",
        f"consumer-1  | 2026-11-27 06:01:00,000 INFO consumer_app.audit: {told(head)}\n",
        "audit chain 3 has 4 records, code 00\n",
    ]

    assert [*heads_in(log)] == [head]
