"""The keys that an issuer publishes (RFC 7517), and which of them a token may be signed with."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from runtime.access.callers import Unauthorized

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}
_LEAST_RSA_BITS = 2048

ALGORITHMS = frozenset(each for fitting in _ALGORITHMS.values() for each in fitting)
"""Those that tokens may be signed with: asymmetric ones, so that nobody here could sign one."""


class UnknownKey(Unauthorized):
    """A token names a key that is not in the set; it may be in a newer one."""


class Key(NamedTuple):
    """One key, and what it is for."""

    id: str | None
    algorithms: tuple[str, ...]
    public: PublicKey


class KeySet:
    """The keys that an issuer signs with, as it published them at one time."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "KeySet":
        """Read a JWK set; a key that is for something else, unknown or weak is left out.

        Raises:
            ValueError: it is no JWK set.

        """
        keys = document.get("keys")
        if not isinstance(keys, list):
            raise ValueError("it is no JWK set: it has no list of keys")  # noqa: TRY004
        return cls([key for key in map(_read, keys) if key is not None])

    def key(self, key_id: str | None, algorithm: str) -> PublicKey:
        """Return the one key that a token with this header can be signed with.

        Raises:
            UnknownKey: no key has that id.
            Unauthorized: it is not for the algorithm, or can't be told from others.

        """
        named = [key for key in self._keys if key_id in (None, key.id)]
        if not named:
            raise UnknownKey("the token is signed with none of the issuer's keys")
        fitting = [key for key in named if algorithm in key.algorithms]
        if not fitting:
            raise Unauthorized("the token has an algorithm that the issuer's key is not for")
        if len(fitting) > 1:
            raise Unauthorized("the token does not tell which of the issuer's keys it needs")
        return fitting[0].public


def _read(jwk: object) -> Key | None:
    """Read one key; what a later standard may have added hinders none of the others."""
    try:
        return _key(jwk) if isinstance(jwk, dict) else None
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None


def _key(jwk: dict[str, Any]) -> Key | None:
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return None
    fitting = _ALGORITHMS[jwk["kty"], jwk.get("crv")]
    algorithms = tuple(each for each in fitting if jwk.get("alg", each) == each)
    if not algorithms:
        return None
    public = PyJWK(jwk, algorithms[0]).key
    if isinstance(public, RSAPublicKey) and public.key_size < _LEAST_RSA_BITS:
        return None
    return Key(jwk.get("kid"), algorithms, public) if isinstance(public, PublicKey) else None
