"""Who asks, and what they may."""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, NamedTuple

EVENTS_WRITE = "events:write"
PATIENTS_SEARCH = "patients:search"
PERIODS_READ = "periods:read"
SCOPES = (EVENTS_WRITE, PATIENTS_SEARCH, PERIODS_READ)

_STATE = "state"
_CALLER = "caller"


class Caller(NamedTuple):
    """Whom a request comes from, as far as its token tells."""

    subject: str
    """The person or program; the name of a token from the file of tokens."""
    scopes: Collection[str]
    client: str | None = None
    """The program through which a person asks."""
    token_id: str | None = None
    """What tells the token from others of the subject; nothing that could be used as one."""
    patient: str | None = None
    """The one patient about whom they may ask, where it is one alone."""


class Unauthorized(Exception):
    """A token is not accepted; the text says why, and holds nothing of the token."""


class NoToken(Unauthorized):
    """None was sent."""


class IssuerUnavailable(Exception):
    """Whose a token is can't be told now, as its issuer's keys are not known; it may later."""

    def __init__(self, why: str, retry_after_seconds: int) -> None:
        super().__init__(why)
        self.retry_after_seconds = retry_after_seconds


Verify = Callable[[str], Awaitable[Caller]]
"""Tells whose a bearer token is, or raises Unauthorized, or IssuerUnavailable."""


def put_caller(scope: MutableMapping[str, Any], caller: Caller) -> None:
    """Let what is asked know who asks."""
    scope.setdefault(_STATE, {})[_CALLER] = caller


def caller_of(scope: MutableMapping[str, Any]) -> Caller | None:
    """Tell who asks; None where that is not known, or not yet."""
    caller: Caller | None = scope.get(_STATE, {}).get(_CALLER)
    return caller
