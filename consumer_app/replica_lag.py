"""How far a replica of PostgreSQL is behind its primary, and with it what is answered from it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime

from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.replicas import Replication
from runtime.http.health import Remark

_WORTH_TELLING_SECONDS = 1.0
_NOT_TOLD = (
    "how far the replica is behind is not known: its role in PostgreSQL needs "
    "GRANT pg_read_all_stats"
)


class ReplicaLag:
    """For how long a replica may lack what was stored meanwhile.

    It lacks nothing from before the newest commit that it has replayed, nor from before the primary
    had written what it has replayed since. So an idle primary is no lag, nor is one that commits
    seldom.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[Replication | None]], most_seconds: float | None
    ) -> None:
        """With more than ``most_seconds`` it is a problem; any lag is told."""
        self._ask = ask
        self._most_seconds = most_seconds
        self._known: defaultdict[str, _Known] = defaultdict(_Known)

    async def problem(self) -> str | None:
        """Say how far the replica is behind; a ``Remark`` while that is not too far."""
        try:
            found = await self._ask()
        except DatabaseUnavailable:
            return None  # which is told of as such
        if found is None:
            return None
        if found.is_connected and not found.is_told:
            return self._judged(_NOT_TOLD, None)
        known = self._known[found.server]
        known.note(found)
        return self._told(found, known.seconds(found))

    def _told(self, found: Replication, seconds: float | None) -> str | None:
        if found.is_connected and seconds is not None and seconds < _WORTH_TELLING_SECONDS:
            return None
        since = "for an unknown time" if seconds is None else f"in the last {seconds:.0f} s"
        away = "" if found.is_connected else "is not connected to its primary, and "
        return self._judged(f"the replica {away}may lack what was stored {since}", seconds)

    def _judged(self, said: str, seconds: float | None) -> str:
        most = self._most_seconds
        if most is not None and (seconds is None or seconds > most):
            return f"{said}: CONSUMER_MAX_LAG allows {most:g} s"
        return Remark(said)


class _Known:
    """What is known of one replica, from the looks at it."""

    def __init__(self) -> None:
        self._whole_at: datetime | None = None
        """It lacks nothing from before that."""
        self._to_replay: tuple[datetime, int] | None = None
        """A look at which more was written than it had replayed, and than it has by now."""

    def note(self, found: Replication) -> None:
        new = None if found.written is None else (found.now, found.written)
        for look in (self._to_replay, new):
            if look is None:
                continue
            at, written = look
            if found.replayed >= written:
                self._whole_at, self._to_replay = at, None
            elif self._to_replay is None:
                self._to_replay = look

    def seconds(self, found: Replication) -> float | None:
        known = [at for at in (self._whole_at, found.last_commit) if at is not None]
        return max(0.0, (found.now - max(known)).total_seconds()) if known else None
