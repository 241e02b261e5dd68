"""The settings of an issuer of tokens (OpenID Connect), whose people and programs may ask."""

from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticUseDefault
from pydantic_settings import BaseSettings, NoDecode

from runtime.access.callers import SCOPES
from runtime.access.hosts import is_loopback


class ScopeMapping(NamedTuple):
    """What a scope of the issuer's counts as."""

    theirs: str
    ours: str


def check_url(url: str) -> str:
    """Return an address whose answer can be believed.

    Raises:
        ValueError: it is none, or anybody on the way could give that answer.

    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' "#\\')
    is_private = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not (host and is_plain and is_private and parts.port != 0) or parts.username is not None:
        raise ValueError("write it like https://HOST/PATH; http is for this machine alone")
    return url


def _check_issuer(issuer: str | None) -> str | None:
    if issuer is not None and "?" in check_url(issuer):
        raise ValueError("write it as the tokens' iss has it, which has no question mark")
    return issuer


def _check_audience(audience: str | None, info: ValidationInfo) -> str | None:
    if audience is None and info.data.get("access_issuer") is not None:
        raise ValueError("is needed with ACCESS_ISSUER: what tokens for this service have as aud")
    if audience == "account":
        raise ValueError(
            "account is the aud of Keycloak's tokens for all and sundry: "
            "give the client a mapper of the type Audience, and name its audience"
        )
    return audience


def _check_jwks_url(url: str | None) -> str | None:
    return None if url is None else check_url(url)


def needs_issuer(value: object, info: ValidationInfo) -> object:
    """Refuse what is of no effect without an issuer."""
    # One that is wrong is not in the data, and complained of by itself.
    if value is not None and info.data.get("access_issuer", value) is None:
        raise ValueError("is of no effect without ACCESS_ISSUER")
    return value


def default_if_empty(value: object) -> object:
    """Take an empty variable, as compose hands it on, for one that is not there."""
    if value == "":
        raise PydanticUseDefault
    return value


def _listed(value: object) -> object:
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


def _mappings(value: object) -> object:
    return [*map(_mapping, value.split(","))] if isinstance(value, str) else value


def _mapping(text: str) -> ScopeMapping:
    theirs, _, ours = (part.strip() for part in text.rpartition("="))
    if not theirs or len(theirs.split()) > 1 or ours not in SCOPES:
        raise ValueError(
            "write each like system/MedicationAdministration.rs=periods:read, with commas between; "
            f"the scopes here are {', '.join(SCOPES)}"
        )
    return ScopeMapping(theirs, ours)


_Claim = Annotated[str, Field(min_length=1)]


class IssuerSettings(BaseSettings):
    """Read from the environment: ACCESS_ISSUER, and what else is to be known of its tokens."""

    access_issuer: Annotated[
        str | None,
        BeforeValidator(default_if_empty),
        AfterValidator(_check_issuer),
        Field(validation_alias="ACCESS_ISSUER"),
    ] = None
    """Who issues tokens, exactly as their ``iss`` has it."""
    access_audience: Annotated[
        str | None,
        BeforeValidator(default_if_empty),
        AfterValidator(_check_audience),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_AUDIENCE", validate_default=True),
    ] = None
    """What the tokens for this service have as ``aud``; needed with an issuer."""
    access_jwks_url: Annotated[
        str | None,
        BeforeValidator(default_if_empty),
        AfterValidator(_check_jwks_url),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_JWKS_URL", validate_default=False),
    ] = None
    """Where the issuer's keys are; by default where its openid-configuration says."""
    access_scope_claims: Annotated[
        tuple[_Claim, ...],
        NoDecode,
        BeforeValidator(_listed),
        BeforeValidator(default_if_empty),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_SCOPE_CLAIMS", validate_default=False),
    ] = ("scope", "scp", "roles")
    """The claims that hold scopes, commas between; what all of them hold counts."""
    access_scopes: Annotated[
        tuple[ScopeMapping, ...],
        NoDecode,
        BeforeValidator(_mappings),
        BeforeValidator(default_if_empty),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_SCOPES", validate_default=False),
    ] = ()
    """What other scopes count as, such as ``system/MedicationAdministration.rs=periods:read``."""
    access_patient_claim: Annotated[
        _Claim,
        BeforeValidator(default_if_empty),
        AfterValidator(needs_issuer),
        Field(validation_alias="ACCESS_PATIENT_CLAIM", validate_default=False),
    ] = "patient"
    """The claim that limits a token to one patient."""
