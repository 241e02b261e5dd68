"""Verification: whether all that was recorded is there, and as it was recorded."""

import re
from collections.abc import Iterable, Iterator, Mapping

from consumer_app.audit.chain import Anchor, Codes, Head, Link

_TOLD = re.compile(
    r"audit chain (?P<chain>\d+) has (?P<count>\d+) records, code (?P<code>[0-9a-f]{64})"
)


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

    def __init__(self, codes: Codes, anchors: Iterable[Anchor], seen: Iterable[Head] = ()) -> None:
        """``seen`` are heads that chains had once, such as the log tells."""
        self._codes = codes
        self.problems: list[str] = []
        """What is wrong, a line each; no patient is named."""
        self.records = 0
        self._anchors = {anchor.chain: anchor for anchor in anchors}
        self._seen: Mapping[int, dict[int, bytes]] = _by_chain(seen)
        self._head = Head.of_new(0)
        for anchor in self._anchors.values():
            if not codes.is_sealed(anchor):
                self._note(anchor.chain, "what tells that its beginning was purged is forged")

    def add(self, link: Link) -> None:
        """Take the next link."""
        self.records += 1
        if link.chain != self._head.chain:
            self._end_chain()
            self._skip_to(link.chain)
        head = self._head
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
        self._head = link.head

    def end(self) -> None:
        """Hear that there are no more links."""
        self._end_chain()
        self._skip_to(max([self._head.chain, *self._anchors, *self._seen]) + 1)

    def _skip_to(self, chain: int) -> None:
        """Go on to a chain; of those between, all records were purged."""
        for between in range(self._head.chain + 1, chain):
            self._begin(between)
            if not self._head.length and between not in self._seen:
                self._note(between, "is missing")
            self._end_chain()
        self._begin(chain)

    def _begin(self, chain: int) -> None:
        anchor = self._anchors.get(chain)
        self._head = Head.of_new(chain) if anchor is None else anchor.head
        if anchor is not None:
            self._check_seen(anchor.head)

    def _end_chain(self) -> None:
        chain, length, _ = self._head
        last = max(self._seen.get(chain, {}), default=0)
        if last > length:
            self._note(chain, _missing(length + 1, last))

    def _check_seen(self, head: Head) -> None:
        code = self._seen.get(head.chain, {}).get(head.length)
        if code is not None and code != head.code:
            self._note(head.chain, f"record {head.length} is another than the one in the log")

    def _note(self, chain: int, what: str) -> None:
        self.problems.append(f"chain {chain}: {what}")


def _missing(first: int, last: int) -> str:
    return (
        f"record {first} is missing" if first == last else f"records {first} to {last} are missing"
    )


def _by_chain(heads: Iterable[Head]) -> dict[int, dict[int, bytes]]:
    found: dict[int, dict[int, bytes]] = {}
    for chain, count, code in heads:
        found.setdefault(chain, {})[count] = code
    return found
