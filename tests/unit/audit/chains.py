"""Chains of records, as an audit makes them."""

from collections.abc import Iterable, Sequence

from consumer_app.audit.chain import Anchor, Codes, Head, Link
from consumer_app.audit.verification import Verification

CODES = Codes(bytes(range(32)))


def chained(*chains: Sequence[str]) -> list[Link]:
    """Chain records; chains are numbered from 1."""
    return [
        link
        for number, records in enumerate(chains, start=1)
        for link in CODES.chained(Head.of_new(number), map(str.encode, records))
    ]


def heads_of(links: Iterable[Link]) -> list[Head]:
    """Return the ends of all chains, as the log has them."""
    return [*{link.chain: link.head for link in links}.values()]


def problems_in(
    links: Iterable[Link], seen: Iterable[Head] = (), anchors: Iterable[Anchor] = ()
) -> list[str]:
    """Verify what is stored."""
    verification = Verification(CODES, anchors, seen)
    for link in sorted(links):
        verification.add(link)
    verification.end()
    return verification.problems
