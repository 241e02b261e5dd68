"""How a service is guarded, by its settings."""

import logging
import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Scope

from runtime.access.bearer import BearerTokens
from runtime.access.callers import SCOPES, Caller
from runtime.access.described import describe_access
from runtime.access.gate import Gate, Identify, NotConfigured
from runtime.access.hosts import is_of_another_site, is_served_here
from runtime.access.loopback import OnlyThisMachine
from runtime.access.routes import Routes
from runtime.access.settings import AccessSettings
from runtime.access.token_file import BadTokenFile, TokenFile

if TYPE_CHECKING:
    from runtime.access.oidc import IssuerTokens

ANYBODY = Caller("anybody", SCOPES)
"""Whoever asks, where access is open."""

_ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    "If-None-Match",
    "X-Refresh",
    "X-Request-ID",
)
_EXPOSED_HEADERS = (
    "ETag",
    "Retry-After",
    "WWW-Authenticate",
    "X-Last-Event-Received",
    "X-Request-ID",
)


class Access(NamedTuple):
    """Who may ask a service for what, and how it is found out who asks."""

    routes: Routes
    settings: AccessSettings
    identify: Identify
    notice: str | None = None
    level: int = logging.INFO
    """Of the log, for the notice."""
    issuer: "IssuerTokens | None" = None
    around: Callable[[ASGIApp], ASGIApp] | None = None
    """Puts a layer around the gate, which sees what is refused, too."""

    def guard(self, api: FastAPI, app: ASGIApp) -> ASGIApp:
        """Put the gate before a service's app, and its rules into the document of its API."""
        describe_access(api, self.routes, needs_token=self.settings.needs_token)
        # What asks for more than a name, a token or this machine, may go by any.
        others = self.settings.access != "open"
        serves = is_served_here(frozenset(self.settings.access_hosts), others=others)
        gate: ASGIApp = Gate(app, self.routes, self.identify, serves)
        if self.around is not None:
            gate = self.around(gate)
        if not self.settings.access_origins:
            return gate
        # Before the gate: a browser asks first whether it may send a token, and sends none then.
        return CORSMiddleware(
            gate,
            allow_origins=self.settings.access_origins,
            allow_methods=["GET", "POST"],
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
        )

    @asynccontextmanager
    async def started(self, logger: logging.Logger) -> AsyncIterator[None]:
        """Keep what verifies tokens going, and tell who is answered without one."""
        if self.notice is not None:
            logger.log(self.level, "%s", self.notice)
        async with nullcontext() if self.issuer is None else self.issuer.started():
            yield


def configured_access(settings: AccessSettings, routes: Routes) -> Access:
    """Read from a service's settings how its routes are guarded."""
    variable = f"{settings.model_config.get('env_prefix', '')}ACCESS"
    if settings.access == "open":
        notice = f"{variable}=open: whoever reaches the service may do all"
        return Access(routes, settings, _Anybody(settings.access_origins), notice, logging.WARNING)
    if settings.needs_token:
        issuer = _issuer(settings)
        return Access(routes, settings, _bearer_tokens(settings, issuer), issuer=issuer)
    what_to_set = (
        "set ACCESS_TOKENS or ACCESS_ISSUER so that others are known by a token, or "
        f"{variable}=open where whoever reaches the service may do all (docs/access.md)"
    )
    notice = f"no access is configured, so only this machine is answered: {what_to_set}"
    return Access(routes, settings, OnlyThisMachine(what_to_set), notice)


class _Anybody:
    """Lets everybody in but pages of other sites, which ask in their visitors' name."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = origins

    async def __call__(self, scope: Scope) -> Caller:
        if is_of_another_site(Headers(scope=scope), self._origins):
            raise NotConfigured("a page of another site asks: list the site in ACCESS_ORIGINS")
        return ANYBODY


def _issuer(settings: AccessSettings) -> "IssuerTokens | None":
    if settings.access_issuer is None:
        return None
    # What verifies signatures takes memory and time at each start, and few sites need it.
    from runtime.access.oidc import IssuerTokens  # noqa: PLC0415

    return IssuerTokens.of(settings)


def _bearer_tokens(settings: AccessSettings, issuer: "IssuerTokens | None") -> BearerTokens:
    file = settings.access_tokens
    try:
        listed = None if file is None else TokenFile(file).verify
    except BadTokenFile as error:
        print(f"Bad settings: ACCESS_TOKENS: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    return BearerTokens(listed, None if issuer is None else issuer.verify)
