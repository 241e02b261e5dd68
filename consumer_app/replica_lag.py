"""How far a replica of PostgreSQL is behind its primary, and with it what is answered from it."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.replicas import Replication
from runtime.http.health import Remark

_WORTH_TELLING_SECONDS = 1.0


class ReplicaLag:
    """For how long a replica may lack what was stored meanwhile.

    It lacks nothing from before the newest commit that it has replayed, nor from before it was seen
    to have received what it has replayed since. So an idle primary is no lag, nor is one that
    commits seldom.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[Replication | None]], most_seconds: float | None
    ) -> None:
        """With more than ``most_seconds`` it is a problem; any lag is told."""
        self._ask = ask
        self._most_seconds = most_seconds
        self._whole_at: datetime | None = None
        """It lacks nothing from before that."""
        self._to_replay: Replication | None = None
        """The look at which it had received what it has still to replay."""

    async def problem(self) -> str | None:
        """Say how far the replica is behind; a ``Remark`` while that is not too far."""
        try:
            found = await self._ask()
        except DatabaseUnavailable:
            return None  # which is told of as such
        if found is None:
            return None
        self._note(found)
        return self._told(found)

    def _note(self, found: Replication) -> None:
        for look in (self._to_replay, found if found.is_connected else None):
            if look is not None and found.replayed >= look.received:
                self._whole_at, self._to_replay = look.now, None
            elif look is not None and self._to_replay is None:
                self._to_replay = look

    def _told(self, found: Replication) -> str | None:
        seconds = self._seconds(found)
        if found.is_connected and seconds is not None and seconds < _WORTH_TELLING_SECONDS:
            return None
        known = "by an unknown time" if seconds is None else f"by up to {seconds:.0f} s"
        what = "is" if found.is_connected else "is not connected to its primary, and"
        said = f"the replica {what} behind {known}"
        if self._most_seconds is not None and (seconds is None or seconds > self._most_seconds):
            return f"{said}: CONSUMER_MAX_LAG allows {self._most_seconds:g} s"
        return Remark(said)

    def _seconds(self, found: Replication) -> float | None:
        known = [at for at in (self._whole_at, found.last_commit) if at is not None]
        return max(0.0, (found.now - max(known)).total_seconds()) if known else None
