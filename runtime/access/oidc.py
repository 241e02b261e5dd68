"""Access tokens of an issuer: JWTs (RFC 9068, RFC 8725), verified by the keys that it publishes."""

import re
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import NamedTuple

import jwt
from jwt import exceptions

from runtime.access.callers import Caller, Unauthorized
from runtime.access.claims import ClaimReader, Claims
from runtime.access.issuer import fetch_keys
from runtime.access.issuer_keys import IssuerKeys
from runtime.access.key_set import ALGORITHMS, PublicKey, UnknownKey
from runtime.access.oidc_settings import IssuerSettings
from runtime.access.verified import VerifiedTokens

_MAX_CHARACTERS = 16 * 1024
_SIGNED = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_LEEWAY_SECONDS = 30
_END_OF_TIME = 2**40
_NEEDED = ["iss", "aud", "exp", "sub"]
_ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a type of tokens
_TYPES = {"jwt", _ACCESS_TOKEN}
# What PyJWT raises beside its own for claims of the wrong type, and for JSON that is nested deeply.
_UNREADABLE = (exceptions.PyJWTError, TypeError, ValueError, ArithmeticError, RecursionError)
_REASONS: Mapping[type[BaseException], str] = {
    exceptions.InvalidSignatureError: "the token's signature is wrong",
    exceptions.ExpiredSignatureError: "the token has expired",
    exceptions.ImmatureSignatureError: "the token is not valid yet",
    exceptions.InvalidAudienceError: "the token is not for this service: its aud is another",
    exceptions.InvalidIssuerError: "the token is of another issuer: its iss is another",
}


class _Header(NamedTuple):
    algorithm: str
    key_id: str | None
    type: str


class IssuerTokens:
    """Verifies the tokens of one issuer that are for one audience."""

    def __init__(self, issuer: str, audience: str, keys: IssuerKeys, reader: ClaimReader) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._reader = reader
        self._verified = VerifiedTokens()

    @classmethod
    def of(cls, settings: IssuerSettings) -> "IssuerTokens | None":
        """Make it of the settings, where they name an issuer."""
        issuer, audience = settings.access_issuer, settings.access_audience
        if issuer is None or audience is None:
            return None
        return cls(
            issuer,
            audience,
            IssuerKeys(partial(fetch_keys, issuer, settings.access_jwks_url)),
            ClaimReader(
                settings.access_scope_claims, settings.access_scopes, settings.access_patient_claim
            ),
        )

    def started(self) -> AbstractAsyncContextManager[None]:
        """Fetch the issuer's keys, at once and at an interval, as long as the context lasts."""
        return self._keys.kept_fresh()

    async def verify(self, token: str) -> Caller:
        """Return whose a token is.

        Raises:
            Unauthorized: it is not accepted.
            IssuerUnavailable: the issuer's keys could not be had yet.

        """
        if len(token) > _MAX_CHARACTERS:
            raise Unauthorized(f"the token is longer than {_MAX_CHARACTERS} characters")
        caller = self._verified.find(token, self._keys.held)
        if caller is None:
            header = _read_header(token)
            key = await self._key(header)
            claims = self._verify(token, header, key)
            caller = self._reader.caller(claims)
            seconds = min(int(claims["exp"]), _END_OF_TIME) - time.time()
            self._verified.keep(token, self._keys.held, caller, seconds)
        return caller

    async def _key(self, header: _Header) -> PublicKey:
        """Find the key that a token must be signed with, in newer ones where it is not known."""
        try:
            return (await self._keys.current()).key(header.key_id, header.algorithm)
        except UnknownKey:
            await self._keys.renew()
        return (await self._keys.current()).key(header.key_id, header.algorithm)

    def _verify(self, token: str, header: _Header, key: PublicKey) -> Claims:
        try:
            claims: Claims = jwt.decode(
                token,
                key,
                algorithms=[header.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": _NEEDED},
            )
        except exceptions.MissingRequiredClaimError as error:
            raise Unauthorized(f"the token has no {error.claim}") from None
        except _UNREADABLE as error:
            raise Unauthorized(_REASONS.get(type(error), "the token can't be read")) from None
        if _is_of_sign_in(header, claims):
            raise Unauthorized("the token is an ID token: send the access token")
        return claims


def _read_header(token: str) -> _Header:
    """Read what a token says of itself, which decides only what it is held against."""
    if not _SIGNED.fullmatch(token):
        raise Unauthorized("the token is no signed JWT: the issuer may make other ones by default")
    try:
        header = jwt.get_unverified_header(token)
    except _UNREADABLE:
        raise Unauthorized("the token can't be read") from None
    algorithm, kind = header.get("alg"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Unauthorized("the token has an algorithm that is not taken, such as none or HS256")
    if "crit" in header:
        raise Unauthorized("the token has a crit header, and nothing that it may ask for is known")
    return _Header(algorithm, header.get("kid"), _access_type(kind))


def _access_type(kind: object) -> str:
    """Read the type (RFC 7515, 4.1.9): a JWT that was made for something else says so."""
    read = str(kind).lower().removeprefix("application/")
    if read not in _TYPES:
        raise Unauthorized("the token is no access token: its typ is another")
    return read


def _is_of_sign_in(header: _Header, claims: Claims) -> bool:
    """Tell an ID token: it has the hash of an access token, or answers a sign-in's nonce.

    Keycloak had the nonce in access tokens too, but tells them apart by a claim of its own.
    """
    if header.type == _ACCESS_TOKEN or claims.get("typ") == "Bearer":
        return False
    return claims.get("typ") == "ID" or not {"at_hash", "c_hash", "nonce"}.isdisjoint(claims)
