"""Where no access is configured: this machine alone is answered (protected mode, as Redis has it).

A proxy on the same machine would let everybody in: it connects from here, and sends a Host of here
unless told otherwise. What it adds to a request gives it away, or that it speaks HTTP/1.0.
"""

from starlette.datastructures import Headers
from starlette.types import Scope

from runtime.access.callers import SCOPES, Caller
from runtime.access.gate import NotConfigured
from runtime.access.hosts import is_loopback, is_loopback_address, is_of_another_site, name_in

_OF_A_PROXY = ("x-forwarded-", "forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip")

LOCAL = Caller("local", SCOPES)
"""Whoever asks from this machine."""


class OnlyThisMachine:
    """Lets in who asks from this machine, and says to all others what to configure."""

    def __init__(self, what_to_set: str) -> None:
        self._refusal = f"only requests of the same machine are answered: {what_to_set}"

    async def __call__(self, scope: Scope) -> Caller:
        """Return ``LOCAL``.

        Raises:
            NotConfigured: the request comes, or may come, from elsewhere.

        """
        if not _is_of_this_machine(scope):
            raise NotConfigured(self._refusal)
        return LOCAL


def _is_of_this_machine(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    # Both ends: some machines hand what comes from elsewhere on to their loopback address.
    (server, _), (client, _) = (scope.get(end) or ("", None) for end in ("server", "client"))
    return (
        is_loopback_address(server)
        and is_loopback_address(client)
        and is_loopback(name_in(headers.get("host", "")))
        and scope["http_version"] != "1.0"
        and not any(name.startswith(_OF_A_PROXY) for name in headers)
        and not is_of_another_site(headers)
    )
