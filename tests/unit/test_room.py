"""Who gets room for a message, and who waits for it."""

import random
from collections import deque

from consumer_app.room import Room

LIMIT = 100


def taken(room: Room[str], **sizes: int) -> set[str]:
    """Let messages come for the first time, in this order; return those that are taken."""
    return {name for name, size in sizes.items() if room.take(size, name, comes_again=False)}


def test_what_fits_is_taken() -> None:
    assert taken(Room(LIMIT), a=40, b=60) == {"a", "b"}


def test_what_does_not_fit_waits_and_is_given_back_when_there_is_room() -> None:
    room = Room[str](LIMIT)
    assert taken(room, a=60, b=40, c=40, d=20, e=50) == {"a", "b"}

    assert room.leave(60) == ["c", "d"]
    assert room.leave(40) == []  # 60 bytes are kept for those two
    assert room.take(40, "c", comes_again=True)
    assert room.leave(40) == ["e"]


def test_room_is_kept_for_what_is_given_back() -> None:
    room = Room[str](LIMIT)
    taken(room, a=100, b=80)
    assert room.leave(100) == ["b"]

    assert taken(room, c=21, d=20) == set()
    assert room.take(80, "b", comes_again=True)
    assert room.leave(80) == ["c", "d"]


def test_what_came_to_another_consumer_before_takes_no_room_that_is_kept() -> None:
    room = Room[str](LIMIT)
    taken(room, a=100, b=80)
    room.leave(100)

    assert not room.take(70, "c", comes_again=True)


def test_nothing_small_overtakes_what_waits_for_more_room() -> None:
    room = Room[str](LIMIT)
    assert taken(room, a=50, b=90, c=10) == {"a"}
    assert room.leave(50) == ["b", "c"]


def test_what_is_greater_than_all_the_room_is_taken_alone() -> None:
    room = Room[str](LIMIT)
    assert taken(room, a=1000, b=1) == {"a"}
    assert room.leave(1000) == ["b"]
    assert room.take(1, "b", comes_again=True)

    assert taken(room, c=1000) == set()
    assert room.leave(1) == ["c"]
    assert room.take(1000, "c", comes_again=True)


def test_an_empty_message_takes_no_room() -> None:
    assert taken(Room(LIMIT), a=100, b=0) == {"a", "b"}


def test_room_is_not_kept_for_what_does_not_come_again() -> None:
    room = Room[str](LIMIT)
    taken(room, a=100, b=80, c=80, d=20)
    assert room.leave(100) == ["b"]

    assert room.expect_no_more() == ["c"]
    assert room.expect_no_more() == ["d"]
    assert room.expect_no_more() == []
    assert not room.is_waited_for
    assert taken(room, e=100) == {"e"}


def test_what_comes_late_has_brought_no_more_than_one_other_under_way() -> None:
    room = Room[str](LIMIT)
    taken(room, a=100, b=50, c=50, d=50, e=50)
    assert room.leave(100) == ["b", "c"]

    assert room.expect_no_more() == ["d"]
    assert not room.take(51, "b", comes_again=True)
    assert room.take(50, "d", comes_again=True)
    assert room.leave(50) == ["e"]


def test_what_the_queue_has_taken_back_is_forgotten_but_what_is_in_hand_has_to_leave() -> None:
    room = Room[str](LIMIT)
    taken(room, a=60, b=40, c=60, d=40, e=40)
    assert room.leave(60) == ["c"]

    room.forget()

    assert not room.is_waited_for
    assert taken(room, f=60, g=1) == {"f"}
    assert room.leave(40) == ["g"]


def test_all_come_to_be_taken_each_given_back_once_and_no_more_is_in_hand_than_fits() -> None:
    chosen = random.Random(15)
    for _ in range(200):
        sizes = [chosen.choice([1, 5, 30, 70, 100]) for _ in range(chosen.randint(1, 60))]
        assert received(sizes, prefetch=chosen.choice([1, 3, 20]), chosen=chosen) <= 1


def received(sizes: list[int], prefetch: int, chosen: random.Random) -> int:
    """Let all come, and leave in no order; return how often one was given back at most."""
    room = Room[int](LIMIT)
    queue = deque(range(len(sizes)))
    returns = [0] * len(sizes)
    in_hand: list[int] = []
    waiting: set[int] = set()
    while queue or in_hand:
        while queue and len(in_hand) + len(waiting) < prefetch:
            number = queue.popleft()
            is_taken = room.take(sizes[number], number, comes_again=returns[number] > 0)
            (in_hand.append if is_taken else waiting.add)(number)
            assert sum(sizes[each] for each in in_hand) <= LIMIT
        given_back = room.leave(sizes[in_hand.pop(chosen.randrange(len(in_hand)))])
        for number in given_back:
            waiting.remove(number)
            returns[number] += 1
        queue.extendleft(reversed(given_back))
    assert not waiting
    return max(returns)
