"""Keys as an issuer has them, and tokens: right ones, and such as nobody should take."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

ALGORITHMS: Mapping[str, Any] = get_default_algorithms()


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


_MAKE: Mapping[str, Callable[[], Any]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _rsa),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


class SigningKey:
    """A key pair with an id, and the algorithm that it is for."""

    def __init__(self, key_id: str, algorithm: str = "ES256", *, kind: str | None = None) -> None:
        """``kind`` is the algorithm whose keys are made where another has the same name."""
        self.id = key_id
        self.algorithm = algorithm
        self.pair = _MAKE[kind or algorithm]()

    def public(self) -> dict[str, Any]:
        return self._jwk(self.pair.public_key())

    def private(self) -> dict[str, Any]:
        return self._jwk(self.pair)

    def _jwk(self, key: object) -> dict[str, Any]:
        jwk = ALGORITHMS[self.algorithm].to_jwk(key, as_dict=True)
        jwk.pop("key_ops", None)
        return {**jwk, "kid": self.id, "alg": self.algorithm, "use": "sig"}

    def signature(self, message: bytes, algorithm: str | None = None) -> bytes:
        signature: bytes = ALGORITHMS[algorithm or self.algorithm].sign(message, self.pair)
        return signature

    def sign(self, claims: Mapping[str, Any], **header: object) -> str:
        """Make a token; of header and claims what is None is left out."""
        header = {"alg": self.algorithm, "kid": self.id, "typ": "at+jwt", **header}
        return compact(header, claims, self.signature)


def compact(
    header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]
) -> str:
    """Write a token as it travels, whatever its header says."""
    signed = b".".join(_part(json.dumps(_without_none(each))) for each in (header, claims))
    return (signed + b"." + base64url_encode(sign(signed))).decode()


def published(*keys: SigningKey) -> dict[str, Any]:
    """Write the JWK set in which an issuer publishes keys."""
    return {"keys": [key.public() for key in keys]}


def claims_for(issuer: str, audience: str, **claims: object) -> dict[str, Any]:
    """Make the claims of a good access token, with others."""
    now = int(time.time())
    good = {"iss": issuer, "aud": audience, "sub": "nurse", "iat": now, "exp": now + 300}
    return good | claims


def _part(text: str) -> bytes:
    return base64url_encode(text.encode())


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
