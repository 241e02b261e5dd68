"""Verification: whether all that was recorded is there, and as it was recorded."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from consumer_app.audit.chain import Anchor, Codes, Head, Link

_TOLD = re.compile(
    r"audit chain (?P<chain>\d{1,16}) has (?P<count>\d{1,16}) records, code (?P<code>[0-9a-f]{64})",
    re.ASCII,
)

_TYPES = [int, int, str, bytes]
"""Of a link: a database may hold anything else, once somebody has changed it."""


def told(head: Head) -> str:
    """Write the head of a chain, as the log has it each minute."""
    return f"audit chain {head.chain} has {head.length} records, code {head.code.hex()}"


def heads_in(log: Iterable[str]) -> Iterator[Head]:
    """Find the heads of chains in a log's lines."""
    for line in log:
        if found := _TOLD.search(line):
            yield Head(int(found["chain"]), int(found["count"]), bytes.fromhex(found["code"]))


class Verification:
    """Takes the links in order, of one chain after the other, and notes what does not fit.

    What was changed or moved is named once: behind it, the chain goes on from what is there.
    """

    def __init__(
        self,
        codes: Codes,
        anchors: Iterable[Anchor],
        seen: Iterable[Head] = (),
        after: int = 0,
    ) -> None:
        """``seen`` are heads that chains had once, such as the log tells.

        Chains are looked at only ``after`` that one.
        """
        self._codes = codes
        self.problems: list[str] = []
        """What is wrong, a line each; no patient is named."""
        self.records = 0
        self._anchors = {anchor.chain: anchor for anchor in anchors}
        self._seen: Mapping[int, Mapping[int, set[bytes]]] = _by_chain(seen)
        self.head = Head.of_new(after)
        """The last record that was taken."""
        for anchor in self._anchors.values():
            if not codes.is_sealed(anchor):
                self._note(anchor.chain, "what tells that its beginning was purged is forged")

    def add(self, row: Sequence[Any]) -> None:
        """Take the next link, as it is stored."""
        self.records += 1
        link = Link(*row)
        if [type(each) for each in link] != _TYPES or min(link.chain, link.number) < 1:
            self.problems.append(f"record {self.records} of all is none")
            return
        if link.chain != self.head.chain:
            self._end_chain()
            self._skip_to(link.chain)
        head = self.head
        if link.number <= head.length:
            self._note(link.chain, f"record {link.number} is there again, and was purged")
        elif link.number > head.length + 1:
            self._note(link.chain, _missing(head.length + 1, link.number - 1))
        elif not self._codes.follows(head, link):
            self._note(
                link.chain,
                f"record {link.number} is not as it was recorded, or not in its place",
            )
        self._check_seen(link.head)
        self.head = link.head

    def end(self) -> None:
        """Hear that there are no more links."""
        self._end_chain()
        self._skip_to(max([self.head.chain, *self._anchors, *self._seen]) + 1)

    def end_at(self, chain: int, number: int) -> None:
        """Hear that there are no more links up to that one, of that chain."""
        if self.head.chain != chain:
            self._begin(chain)
        if self.head.length < number:
            self._note(chain, _missing(self.head.length + 1, number))

    def _skip_to(self, chain: int) -> None:
        """Go on to a chain; of those between, all records were purged."""
        known = sorted(
            each for each in {*self._anchors, *self._seen} if self.head.chain < each < chain
        )
        # Not one by one: a forged number may be as high as can be.
        for between in [*known, chain]:
            self._note_missing(self.head.chain + 1, between - 1)
            self._begin(between)
            if between != chain:
                self._end_chain()

    def _note_missing(self, first: int, last: int) -> None:
        if first == last:
            self._note(first, "is missing")
        elif first < last:
            self.problems.append(f"chains {first} to {last}: are missing")

    def _begin(self, chain: int) -> None:
        anchor = self._anchors.get(chain)
        self.head = Head.of_new(chain) if anchor is None else anchor.head
        if anchor is not None:
            self._check_seen(anchor.head)

    def _end_chain(self) -> None:
        chain, length, _ = self.head
        last = max(self._seen.get(chain, {}), default=0)
        if last > length:
            self._note(chain, _missing(length + 1, last))

    def _check_seen(self, head: Head) -> None:
        codes = self._seen.get(head.chain, {}).get(head.length, {head.code})
        if codes != {head.code}:
            self._note(head.chain, f"record {head.length} is another than the one in the log")

    def _note(self, chain: int, what: str) -> None:
        self.problems.append(f"chain {chain}: {what}")


def _missing(first: int, last: int) -> str:
    return (
        f"record {first} is missing" if first == last else f"records {first} to {last} are missing"
    )


def _by_chain(heads: Iterable[Head]) -> dict[int, dict[int, set[bytes]]]:
    found: dict[int, dict[int, set[bytes]]] = {}
    for chain, count, code in heads:
        found.setdefault(chain, {}).setdefault(count, set()).add(code)
    return found
