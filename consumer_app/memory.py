"""How much memory the consumer's processes may take: together no more than their container has.

Beside the service there are up to two others: one that answers about patients with many events,
and one in the room for what is larger: an answer about a giant patient, or a trial. Who enters the
room holds its lock, and leaves with its process.
"""

from pathlib import Path

_MB = 1024 * 1024
# Of 512 MiB, the chart's limit, 112 are for many events, and 176 for the room.
SERVICE_BYTES = 224 * _MB
_OF_THE_REST_FOR_MANY_EVENTS = 7 / 18
# With less no process begins.
_LEAST_BYTES = 96 * _MB
_CGROUP_LIMITS = tuple(
    Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory/memory.limit_in_bytes")
)
# Where nothing else bounds it: the largest message takes 70 MB.
_TRIAL_BYTES = 256 * _MB


def for_many_events() -> int | None:
    """Say how many bytes the process may take that answers about many events; None: any."""
    rest = _beside_the_service()
    return None if rest is None else max(_LEAST_BYTES, int(rest * _OF_THE_REST_FOR_MANY_EVENTS))


def for_a_giant() -> int | None:
    """Say how many bytes the process may take that answers about a giant; None: any."""
    rest = _beside_the_service()
    return None if rest is None else max(_LEAST_BYTES, rest - (for_many_events() or 0))


def for_a_trial() -> int:
    """Say how many bytes a trial may take."""
    return min(_TRIAL_BYTES, for_a_giant() or _TRIAL_BYTES)


def _beside_the_service() -> int | None:
    limits = [int(text) for each in _CGROUP_LIMITS if (text := _read(each)).isdecimal()]
    return min(limits) - SERVICE_BYTES if limits else None


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
