"""Room for messages, counted in bytes: who gets it, and who waits for it."""

from collections import deque
from typing import Generic, NamedTuple, TypeVar

Delivery = TypeVar("Delivery")


class _Waiting(NamedTuple, Generic[Delivery]):
    size: int
    delivery: Delivery


class Room(Generic[Delivery]):
    """Bounds the bytes of the messages in hand; what does not fit waits without its body.

    Whoever waits is given back to the queue once there is room for it, in the order of arrival, and
    the room is kept until it comes again. One that is greater than all the room is taken alone.
    """

    def __init__(self, limit: int) -> None:
        """``limit`` is in bytes."""
        self._limit = limit
        self._used = 0
        """Bytes in hand, and of those that are given back."""
        self._given_back: list[int] = []
        """The sizes of those that are to come again."""
        self._waiting: deque[_Waiting[Delivery]] = deque()

    @property
    def is_waited_for(self) -> bool:
        """Whether anything waits, and may have to be given back with nobody leaving."""
        return bool(self._waiting)

    def take(self, size: int, delivery: Delivery, *, comes_again: bool) -> bool:
        """Take a message of so many bytes; where it does not fit, let it wait instead.

        Nobody overtakes those who wait, or the greatest of them might wait for ever.
        """
        if comes_again and size in self._given_back:
            self._given_back.remove(size)
        elif self._waiting or not self._fits(size):
            self._waiting.append(_Waiting(size, delivery))
            return False
        else:
            self._used += size
        return True

    def leave(self, size: int) -> list[Delivery]:
        """Free the room of a message; return those to give back to the queue."""
        self._used -= size
        return self._next(len(self._waiting))

    def expect_no_more(self) -> list[Delivery]:
        """Hear that none of those that were given back comes; return the next to give back.

        As where the queue has handed them to another consumer. It is one alone: should they be only
        late, little more than what there is room for is under way.
        """
        self._used -= sum(self._given_back)
        self._given_back.clear()
        return self._next(1)

    def forget(self) -> None:
        """Hear that the queue has taken back all that wait; those in hand have still to leave."""
        self._waiting.clear()
        self.expect_no_more()

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._limit

    def _next(self, most: int) -> list[Delivery]:
        given_back: list[Delivery] = []
        while self._waiting and len(given_back) < most and self._fits(self._waiting[0].size):
            size, delivery = self._waiting.popleft()
            self._used += size
            self._given_back.append(size)
            given_back.append(delivery)
        return given_back
