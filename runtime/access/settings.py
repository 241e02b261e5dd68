"""The settings of who may do what; both services have the same ones, as one site has one policy."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from runtime.access.hosts import name_in
from runtime.access.oidc_settings import IssuerSettings, default_if_empty, needs_issuer


def _list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(filter(None, (each.strip() for each in value.split(","))))


def _name(host: str) -> str:
    name = name_in(host)
    if not name:
        raise ValueError("write names or addresses, such as periods.example.org or 10.0.0.5")
    return name


def _origin(site: str) -> str:
    parts = urlsplit(site)
    if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != site:
        raise ValueError("write sites like https://ward.example.org, with nothing behind the host")
    return site


def _with_openid(scope: str) -> str:
    if "openid" not in scope.split():
        raise ValueError("openid must be among them: it is a sign-in by OpenID Connect")
    return scope


def _check_access(value: object) -> object:
    if value not in ("", "open"):
        raise ValueError(
            "write open where whoever reaches the service may do all; else leave it empty, and say "
            "who may by ACCESS_TOKENS or ACCESS_ISSUER"
        )
    return value


class AccessSettings(IssuerSettings):
    """Read from the environment: ACCESS_…, but ``access``, which is PUBLISHER_ or CONSUMER_ACCESS.

    With none of them the service answers requests of its own machine alone.
    """

    access: Annotated[Literal["", "open"], BeforeValidator(_check_access)] = ""
    """``open``: whoever reaches the service may do everything. It must be asked for."""
    access_tokens: Annotated[
        Path | None, BeforeValidator(default_if_empty), Field(validation_alias="ACCESS_TOKENS")
    ] = None
    """A file of tokens, as `python -m consumer_app access new-token` makes it."""
    access_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(_name)], ...],
        NoDecode,
        BeforeValidator(_list),
        Field(validation_alias="ACCESS_HOSTS"),
    ] = ()
    """The names by which the services are asked, commas between. By default any; where access is
    open these, besides addresses and localhost, as another site could go by any other name."""
    access_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...],
        NoDecode,
        BeforeValidator(_list),
        Field(validation_alias="ACCESS_ORIGINS"),
    ] = ()
    """Sites whose pages may ask, such as https://ward.example.org; by default the service's own."""
    access_client_id: Annotated[
        str | None,
        BeforeValidator(default_if_empty),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_CLIENT_ID", validate_default=False),
    ] = None
    """The public client of the issuer's by which people sign in to the timeline."""
    access_client_scope: Annotated[
        str,
        BeforeValidator(default_if_empty),
        AfterValidator(_with_openid),
        Field(validation_alias="ACCESS_CLIENT_SCOPE", validate_default=False),
    ] = "openid periods:read"
    """What the page asks for when people sign in; for Entra with offline_access."""
    access_client_resource: Annotated[
        str | None,
        BeforeValidator(default_if_empty),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_CLIENT_RESOURCE", validate_default=False),
    ] = None
    """The resource (RFC 8707) that it names, where the issuer asks for one."""

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        if self.access == "open" and self.needs_token:
            raise ValueError(
                "…_ACCESS=open asks for no token: set it, or those of ACCESS_… that name tokens"
            )
        return self

    @property
    def needs_token(self) -> bool:
        """Whether each request for data must have a token."""
        return self.access_tokens is not None or self.access_issuer is not None
