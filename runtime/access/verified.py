"""Tokens that were verified a moment ago: to do it again would take a hundred times as long."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from runtime.access.callers import Caller
from runtime.access.key_set import KeySet

_MOST_SECONDS = 60.0
_MOST_TOKENS = 4096


class _Verified(NamedTuple):
    caller: Caller
    keys: KeySet | None
    until: float


class VerifiedTokens:
    """Remembers whose tokens are, by their SHA-256, for a minute and no longer than they last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[bytes, _Verified] = {}

    def find(self, token: str, keys: KeySet | None) -> Caller | None:
        """Return whose the token is, where it was verified by these keys."""
        found = self._tokens.get(_digest(token))
        if found is None or found.keys is not keys or found.until <= self._clock():
            return None
        return found.caller

    def keep(self, token: str, keys: KeySet | None, caller: Caller, seconds: float) -> None:
        """Remember a token that was verified by these keys, and lasts so long."""
        if seconds <= 0:
            return
        if len(self._tokens) >= _MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        until = self._clock() + min(seconds, _MOST_SECONDS)
        self._tokens[_digest(token)] = _Verified(caller, keys, until)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
