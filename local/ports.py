"""Free ports of the loopback interface."""

import random
import socket

# Below the range from which systems choose a connection's own port. A client that keeps trying to
# reconnect to a stopped server would otherwise take that very port sooner or later.
_CANDIDATES = range(15_000, 32_000)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    for port in random.sample(_CANDIDATES, 100):
        if is_free(port):
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
