"""How much memory the consumer's processes may take: together no more than their container has.

Beside the service there are up to two others: one that answers about patients with many events,
and one in the room for what is larger: an answer about a giant patient, or a trial. Who enters the
room holds its lock, and leaves with its process. An export, which an operator runs beside them,
takes no more than these two.
"""

from pathlib import Path

_MB = 1024 * 1024

MOST_BYTES_IN_HAND = 30_000_000
"""How many bytes of messages the service keeps: of what is made of them, see docs/decisions/0021.

Two commits of SQLite, of which one is stored while the other one comes in.
"""

SERVICE_BYTES = 288 * _MB
"""What the service takes at most, with as many messages in hand as it keeps."""

# Most that there may be of a single medication that is no giant take 144.
_MOST_BYTES_FOR_MANY_EVENTS = 160 * _MB
# With less no process begins, and a trial could not read each message that may be good.
_LEAST_BYTES = 96 * _MB
CGROUP_LIMITS = tuple(
    Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory/memory.limit_in_bytes")
)
# Where nothing else bounds it.
_TRIAL_BYTES = 256 * _MB


def for_many_events() -> int | None:
    """Say how many bytes the process may take that answers about many events; None: any."""
    rest = _beside_the_service()
    return None if rest is None else max(_LEAST_BYTES, min(_MOST_BYTES_FOR_MANY_EVENTS, rest // 2))


def for_a_giant() -> int | None:
    """Say how many bytes the process may take that answers about a giant; None: any."""
    rest = _beside_the_service()
    return None if rest is None else max(_LEAST_BYTES, rest - (for_many_events() or 0))


def for_an_export() -> int | None:
    """Say how many bytes an export may take, which an operator runs beside all these; None: any."""
    rest = _beside_the_service()
    return None if rest is None else max(_LEAST_BYTES, rest)


def for_a_trial() -> int:
    """Say how many bytes a trial may take."""
    return min(_TRIAL_BYTES, for_a_giant() or _TRIAL_BYTES)


def _beside_the_service() -> int | None:
    limits = [int(text) for each in CGROUP_LIMITS if (text := _read(each)).isdecimal()]
    return min(limits) - SERVICE_BYTES if limits else None


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
