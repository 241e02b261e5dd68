"""Chains of records, each with a code that only who has the key can compute (HMAC-SHA-256).

A code covers a record, its place and the code before it: so no record can be changed, moved or
removed without breaking the chain behind it. Chains are numbered without a gap, so that none can be
removed as a whole. What a chain can't show by itself is that its end is missing, nor that the
newest chains are: the log has their heads (see ``verification``).
"""

import hmac
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_BEGINNING = bytes(32)
_RECORD, _ANCHOR = b"record", b"anchor"
"""What a code is of; so that none can be taken for one of the other kind."""


class Head(NamedTuple):
    """The end of a chain: how many records it has, and the code of the last."""

    chain: int
    length: int
    code: bytes

    @classmethod
    def of_new(cls, chain: int) -> "Head":
        """Begin a chain, which has no record yet."""
        return cls(chain, 0, _BEGINNING)


class Link(NamedTuple):
    """A record in its chain, as it is stored."""

    chain: int
    number: int
    """From 1."""
    record: str
    code: bytes

    @property
    def head(self) -> Head:
        """The end of the chain where this is the last."""
        return Head(self.chain, self.number, self.code)


class Anchor(NamedTuple):
    """What is left of the beginning of a chain whose retention is over: its end, sealed."""

    chain: int
    number: int
    """Of the last record that was removed."""
    code: bytes
    seal: bytes

    @property
    def head(self) -> Head:
        """Where the rest of the chain goes on from."""
        return Head(self.chain, self.number, self.code)


class Codes:
    """Computes codes and seals."""

    def __init__(self, key: bytes) -> None:
        # A copy of it takes a fifth of the time that each code takes from the key itself.
        self._keyed = hmac.new(key, digestmod="sha256")

    def chained(self, head: Head, records: Iterable[bytes]) -> Iterator[Link]:
        """Yield the links that go on from the head of a chain, one a record."""
        chain, number, code = head
        for record in records:
            number += 1
            code = self._code(_RECORD, chain, number, code, record)
            yield Link(chain, number, record.decode(), code)

    def follows(self, head: Head, link: Link) -> bool:
        """Tell whether a link goes on from the head of its chain."""
        code = self._code(_RECORD, link.chain, link.number, head.code, link.record.encode())
        return hmac.compare_digest(code, link.code)

    def anchor(self, head: Head) -> Anchor:
        """Seal the end of what is about to be removed from a chain's beginning."""
        return Anchor(*head, self._seal(head))

    def is_sealed(self, anchor: Anchor) -> bool:
        """Tell whether an anchor was made with the key."""
        return hmac.compare_digest(self._seal(anchor.head), anchor.seal)

    def _seal(self, head: Head) -> bytes:
        return self._code(_ANCHOR, *head)

    def _code(self, kind: bytes, chain: int, number: int, code: bytes, text: bytes = b"") -> bytes:
        mac = self._keyed.copy()
        mac.update(kind + chain.to_bytes(8) + number.to_bytes(8) + code + text)
        return mac.digest()
