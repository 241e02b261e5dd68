"""Which of an issuer's published keys a token may be signed with."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from runtime.access.callers import Unauthorized
from runtime.access.key_set import KeySet, UnknownKey
from tests.signing import SigningKey

EC, RSA = SigningKey("ec"), SigningKey("rsa", "RS256")
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()


def without_alg(key: SigningKey) -> dict[str, Any]:
    jwk = key.public()
    del jwk["alg"]
    return jwk


@pytest.mark.parametrize(
    "jwk",
    [
        EC.public() | {"use": "enc"},
        EC.public() | {"key_ops": ["sign"]},
        EC.public() | {"alg": "ES384"},
        EC.public() | {"alg": "RS256"},
        EC.public() | {"crv": "P-384"},
        EC.public() | {"crv": "secp256k1", "alg": "ES256K"},
        EC.public() | {"x": "AAAA"},
        EC.public() | {"kty": "LATER"},
        EC.public() | {"kty": ["EC"]},
        EC.private(),
        RSA.private(),
        {"kty": "oct", "kid": "ec", "alg": "HS256", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "ec", "alg": "RS256"},
        {**RSAAlgorithm.to_jwk(SHORT, as_dict=True), "kid": "ec"},
        {"kid": "ec"},
        {},
        "ec",
        None,
    ],
)
def test_a_key_that_signs_no_tokens_is_left_out_and_hinders_no_other(jwk: object) -> None:
    keys = KeySet.read({"keys": [jwk, SigningKey("good").public()]})

    assert len(keys) == 1
    assert keys.key("good", "ES256") is not None
    with pytest.raises(UnknownKey):
        keys.key("ec", "ES256")


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS512"])
def test_a_key_that_names_no_algorithm_is_for_all_of_its_kind(algorithm: str) -> None:
    keys = KeySet.read({"keys": [without_alg(RSA), without_alg(EC)]})

    assert keys.key("rsa", algorithm) == RSA.pair.public_key()
    with pytest.raises(Unauthorized, match="key is not for"):
        keys.key("ec", algorithm)


def test_of_two_keys_with_one_id_the_algorithm_tells() -> None:
    keys = KeySet.read({"keys": [EC.public(), RSA.public() | {"kid": "ec"}]})

    assert keys.key("ec", "ES256") == EC.pair.public_key()
    assert keys.key("ec", "RS256") == RSA.pair.public_key()


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {"ec": EC.public()}}])
def test_what_is_no_set_of_keys_is_not_read_as_an_empty_one(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no list of keys"):
        KeySet.read(document)
