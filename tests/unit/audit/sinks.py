"""A sink in memory, which can be told to fail."""

import asyncio
from collections.abc import Sequence

from consumer_app.audit.chain import Anchor, Head, Link
from consumer_app.audit.errors import AuditUnavailable, Unrecordable
from consumer_app.audit.sinks import ChainTaken


class MemorySink:
    """Keeps links; each commit waits until it may go on."""

    def __init__(self, free: int | None = None) -> None:
        self.links: list[Link] = []
        self.commits: list[int] = []
        """How many links each had."""
        self.free = free
        self.failure: str | None = None
        self.fault: Exception | None = None
        """What nobody expects of a sink."""
        self.can_not_keep: str | None = None
        """What no record may have in it."""
        self.anchors: dict[int, Anchor] = {}
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.is_open = False
        self._arrived = 0

    async def until_arrived(self, commits: int) -> None:
        """Wait until so many commits have begun."""
        async with asyncio.timeout(30):
            while self._arrived < commits:  # noqa: ASYNC110 - of a test, with few turns
                await asyncio.sleep(0)

    async def open(self) -> None:
        self._fail()
        self.is_open = True

    async def last_chain(self) -> int:
        return max((link.chain for link in self.links), default=0)

    async def heads(self, after: int) -> Sequence[Head]:
        heads = {link.chain: link.head for link in self.links if link.chain > after}
        return [heads[chain] for chain in sorted(heads)]

    async def anchored(self, anchor: Anchor) -> Anchor:
        return self.anchors.setdefault(anchor.chain, anchor)

    async def append(self, links: Sequence[Link]) -> None:
        assert self.is_open
        self._arrived += 1
        if self.fault is not None:
            raise self.fault
        await self.go_on.wait()
        self._fail()
        if self.can_not_keep is not None and any(self.can_not_keep in each[2] for each in links):
            raise Unrecordable("the audit's database can't keep a record")
        if {link[:2] for link in links} & {link[:2] for link in self.links}:
            raise ChainTaken
        self.links += links
        self.commits.append(len(links))

    def free_bytes(self) -> int | None:
        return self.free

    async def close(self) -> None:
        self.is_open = False

    def _fail(self) -> None:
        if self.failure is not None:
            raise AuditUnavailable(self.failure)
