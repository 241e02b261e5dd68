"""Free ports of the loopback interface."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache

# Below the range from which systems choose a connection's own port. A client that keeps trying to
# reconnect to a stopped server would otherwise take that very port sooner or later.
_CANDIDATES = range(15_000, 32_000)

_given: set[int] = set()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens.

    Until this process ends no other call returns it, here or in a process beside: a server may
    stop and find its port free when it starts again.
    """
    for port in random.sample(_CANDIDATES, 100):
        if is_free(port) and _reserve(port):
            return port
    raise OSError("none of 100 ports tried on 127.0.0.1 is free")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """Lock the byte of that number in a file, which the system unlocks when the process ends."""
    if port in _given:
        return False
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _given.add(port)
    return True


@cache
def _locks() -> int:
    """Open the file once: to close it anywhere in the process would give all locks up."""
    path = f"{tempfile.gettempdir()}/medication-periods-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
