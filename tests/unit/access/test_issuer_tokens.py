"""Which tokens are taken for those of the issuer, and what is read of the caller."""

import hashlib
import hmac
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runtime.access.callers import EVENTS_WRITE, PERIODS_READ, Caller, Unauthorized
from runtime.access.claims import ClaimReader
from runtime.access.issuer_keys import IssuerKeys
from runtime.access.key_set import KeySet
from runtime.access.oidc import IssuerTokens
from runtime.access.oidc_settings import IssuerSettings, ScopeMapping
from tests.signing import SigningKey, claims_for, compact, published

ISSUER = "https://login.example.org/realms/ward"
AUDIENCE = "https://periods.example.org"
READER = ClaimReader(
    ("scope", "scp", "roles"),
    (
        ScopeMapping("system/MedicationAdministration.rs", PERIODS_READ),
        ScopeMapping("patient/MedicationAdministration.rs", PERIODS_READ),
    ),
    "patient",
)
KEY = SigningKey("first")
RSA_KEY = SigningKey("rsa", "RS256")
FOREIGN = SigningKey("first")


def verifier(*keys: SigningKey) -> IssuerTokens:
    fetched = KeySet.read(published(*keys))
    return IssuerTokens(ISSUER, AUDIENCE, IssuerKeys(lambda: fetched), READER)


def claims(**others: object) -> dict[str, Any]:
    return claims_for(ISSUER, AUDIENCE, **others)


async def caller_of(**others: object) -> Caller:
    return await verifier(KEY).verify(KEY.sign(claims(**others)))


async def refusal(token: str, *keys: SigningKey) -> str:
    """Return why a token is refused; it can stand in a header as it is."""
    with pytest.raises(Unauthorized) as refused:
        await verifier(*(keys or (KEY, RSA_KEY))).verify(token)
    reason = str(refused.value)
    assert reason.isascii()
    assert reason.isprintable()
    assert not set(reason) & {'"', "\\"}
    return reason


async def test_a_good_token_tells_who_asks_through_what_and_what_they_may() -> None:
    caller = await caller_of(scope="openid periods:read", azp="ward-page", jti="t-1")

    assert caller == Caller("nurse", {PERIODS_READ}, client="ward-page", token_id="t-1")


async def test_a_program_is_the_client_of_its_own_token() -> None:
    assert (await caller_of(sub="pump", client_id="pump")).client == "pump"


async def test_scopes_are_those_of_all_claims_together() -> None:
    caller = await caller_of(scp="periods:read", roles=["events:write", 7], scope="profile")

    assert caller.scopes == {PERIODS_READ, EVENTS_WRITE}


@pytest.mark.parametrize("scope", [None, "", 7, ["admin"], "periods:read:all", "PERIODS:READ"])
async def test_what_is_no_scope_of_ours_gives_no_right(scope: object) -> None:
    assert (await caller_of(scope=scope)).scopes == set()


async def test_a_scope_of_smart_counts_as_what_the_site_maps_it_to() -> None:
    caller = await caller_of(scope="system/MedicationAdministration.rs")

    assert caller.scopes == {PERIODS_READ}


async def test_a_scope_for_one_patient_counts_only_where_the_token_says_who() -> None:
    scope = "launch/patient patient/MedicationAdministration.rs"

    assert (await caller_of(scope=scope)).scopes == set()
    limited = await caller_of(scope=scope, patient="4711")
    assert (limited.scopes, limited.patient) == ({PERIODS_READ}, "4711")


async def test_a_patient_is_read_as_events_name_them() -> None:
    assert (await caller_of(patient=" 47  11\t")).patient == "47 11"


@pytest.mark.parametrize("patient", ["", " ", 4711, ["4711"], {}, "47\u200b11", "4" * 129, False])
async def test_a_limit_to_a_patient_that_is_no_identifier_is_not_left_out(patient: object) -> None:
    assert "patient" in await refusal(KEY.sign(claims(patient=patient)))


def test_a_limit_to_the_patient_null_is_not_left_out() -> None:
    with pytest.raises(Unauthorized, match="patient"):
        READER.caller(claims(patient=None))


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        *((each, None) for each in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        *((each, None) for each in ("ES256", "ES384", "ES512", "EdDSA")),
        ("EdDSA", "Ed448"),
    ],
)
async def test_each_asymmetric_algorithm_is_taken(algorithm: str, kind: str | None) -> None:
    key = SigningKey("k", algorithm, kind=kind)

    assert (await verifier(key).verify(key.sign(claims()))).subject == "nurse"


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"])
async def test_an_access_token_may_be_called_so_or_plainly_a_jwt(kind: str | None) -> None:
    assert (await verifier(KEY).verify(KEY.sign(claims(), typ=kind))).subject == "nurse"


async def test_one_of_several_audiences_is_enough() -> None:
    assert (await caller_of(aud=["account", AUDIENCE])).subject == "nurse"


async def test_clocks_may_differ_by_half_a_minute() -> None:
    now = int(time.time())

    assert (await caller_of(exp=now - 20)).subject == "nurse"
    assert (await caller_of(nbf=now + 20, iat=now + 20)).subject == "nurse"


async def test_without_a_key_id_the_one_key_that_fits_is_taken() -> None:
    token = KEY.sign(claims(), kid=None)

    assert (await verifier(KEY, RSA_KEY).verify(token)).subject == "nurse"
    assert "which of the issuer's keys" in await refusal(token, KEY, SigningKey("second"))


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"aud": "https://else.example.org"}, "its aud is another"),
        ({"aud": ["account", f"{AUDIENCE}/"]}, "its aud is another"),
        ({"aud": None}, "has no aud"),
        ({"iss": "https://login.example.org/realms/else"}, "its iss is another"),
        ({"iss": f"{ISSUER}/"}, "its iss is another"),
        ({"iss": [ISSUER]}, "its iss is another"),
        ({"iss": None}, "has no iss"),
        ({"exp": None}, "has no exp"),
        ({"exp": int(time.time()) - 60}, "has expired"),
        ({"nbf": int(time.time()) + 864_000}, "is not valid yet"),
        ({"iat": int(time.time()) + 864_000}, "is not valid yet"),
        ({"sub": None}, "has no sub"),
        ({"sub": ""}, "has no sub"),
        ({"sub": "half a character: \ud800"}, "has no sub"),
        ({"sub": "two\nlines"}, "has no sub"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused_with_the_reason(
    others: dict[str, Any], reason: str
) -> None:
    assert reason in await refusal(KEY.sign(claims(**others)))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *product(("exp", "nbf", "iat", "sub", "aud", "iss", "jti"), ([], {}, 1e999)),
        *product(("exp", "nbf", "iat"), ("soon",)),
    ],
)
async def test_a_claim_of_another_type_is_no_way_in_and_no_error(claim: str, value: object) -> None:
    token = KEY.sign(claims(**{claim: value}))

    await refusal(token)


def hs256_with_the_public_key() -> str:
    pem = RSA_KEY.pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": "rsa", "typ": "at+jwt"}
    return compact(header, claims(), lambda signed: hmac.digest(pem, signed, hashlib.sha256))


def altered() -> str:
    header, _, signature = KEY.sign(claims()).split(".")
    payload = KEY.sign(claims(scope="events:write")).split(".")[1]
    return f"{header}.{payload}.{signature}"


def pss_with_a_key_for_rs256() -> str:
    header = {"alg": "PS256", "kid": "rsa"}
    return compact(header, claims(), lambda signed: RSA_KEY.signature(signed, "PS256"))


FORGED: dict[str, tuple[Callable[[], str], str]] = {
    "no algorithm": (lambda: compact({"alg": "none"}, claims(), lambda _: b""), "no signed JWT"),
    "alg none, with a signature": (
        lambda: compact({"alg": "none", "kid": "first"}, claims(), lambda _: b"0"),
        "is not taken, such as none or HS256",
    ),
    "the public key as a secret": (hs256_with_the_public_key, "is not taken"),
    "an algorithm in other letters": (lambda: KEY.sign(claims(), alg="es256"), "is not taken"),
    "no alg": (lambda: KEY.sign(claims(), alg=None), "is not taken"),
    "alg is a list": (lambda: KEY.sign(claims(), alg=["ES256"]), "is not taken"),
    "an altered payload": (altered, "signature is wrong"),
    "a foreign key by a known id": (lambda: FOREIGN.sign(claims()), "signature is wrong"),
    "an unknown key": (lambda: SigningKey("other").sign(claims()), "none of the issuer's keys"),
    "a key of its own in the header": (
        lambda: FOREIGN.sign(claims(), kid="other", jwk=FOREIGN.public(), jku="https://x.example/"),
        "none of the issuer's keys",
    ),
    "a key for another algorithm of its kind": (pss_with_a_key_for_rs256, "key is not for"),
    "a key for another kind of algorithm": (
        lambda: KEY.sign(claims(), alg="RS256"),
        "key is not for",
    ),
    "a key id that is no text": (lambda: KEY.sign(claims(), kid=7), "can't be read"),
    "crit": (lambda: KEY.sign(claims(), crit=["exp"]), "can't be read"),
    "crit of what PyJWT knows": (lambda: KEY.sign(claims(), crit=["b64"], b64=True), "crit"),
    "empty crit": (lambda: KEY.sign(claims(), crit=[]), "can't be read"),
    "a payload elsewhere": (lambda: KEY.sign(claims(), b64=False), "can't be read"),
    "a logout token": (lambda: KEY.sign(claims(), typ="logout+jwt"), "no access token"),
    "a proof of possession": (lambda: KEY.sign(claims(), typ="dpop+jwt"), "no access token"),
    "typ is a list": (lambda: KEY.sign(claims(), typ=["JWT"]), "no access token"),
    "an ID token with at_hash": (lambda: KEY.sign(claims(at_hash="h"), typ="JWT"), "an ID token"),
    "an ID token with nonce": (lambda: KEY.sign(claims(nonce="n"), typ=None), "an ID token"),
    "Keycloak's ID token": (lambda: KEY.sign(claims(typ="ID"), typ="JWT"), "an ID token"),
    "too long": (lambda: KEY.sign(claims(extra="x" * 17_000)), "longer than 16384"),
    "opaque": (lambda: "hZ3kQ0VtYy1sb25nLW9wYXF1ZQ", "no signed JWT"),
    "encrypted": (lambda: ".".join(["eyJhbGciOiJSU0EifQ"] * 5), "no signed JWT"),
    "with spaces": (lambda: KEY.sign(claims()).replace(".", ". "), "no signed JWT"),
    "padded": (lambda: KEY.sign(claims()) + "=", "no signed JWT"),
    "with a letter of no ASCII": (lambda: KEY.sign(claims()) + "ß", "no signed JWT"),
    "with a line end": (lambda: KEY.sign(claims()) + "\n", "no signed JWT"),
    "three parts of nothing": (lambda: "a.b.c", "can't be read"),
    "a header that is no object": (lambda: "W10.e30.c2ln", "can't be read"),
}


@pytest.mark.parametrize(("made", "reason"), FORGED.values(), ids=FORGED)
async def test_what_is_no_access_token_of_the_issuer_is_refused(
    made: Callable[[], str], reason: str
) -> None:
    assert reason in await refusal(made())


async def test_a_header_that_is_nested_deeply_is_refused_like_any_other() -> None:
    nested = jwt.utils.base64url_encode(b'{"alg":' + b"[" * 10_000).decode()

    assert await refusal(f"{nested}.e30.c2ln") == "the token can't be read"


async def test_an_access_token_that_says_so_may_hold_a_nonce_as_keycloaks_older_ones() -> None:
    for token in (
        KEY.sign(claims(nonce="n", typ="Bearer"), typ="JWT"),
        KEY.sign(claims(nonce="n"), typ="at+jwt"),
    ):
        assert (await verifier(KEY).verify(token)).subject == "nurse"


async def test_a_token_is_verified_once_while_it_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens, token = verifier(KEY), KEY.sign(claims())
    first = await tokens.verify(token)
    monkeypatch.setattr(jwt, "decode", None)

    assert await tokens.verify(token) is first


async def test_a_refused_token_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, token = verifier(KEY), KEY.sign(claims(aud="else"))
    verified: list[str] = []
    decode: Callable[..., object] = jwt.decode

    def counted(given: str, *arguments: object, **options: object) -> object:
        verified.append(given)
        return decode(given, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await tokens.verify(token)

    assert verified == [token, token]


async def test_nothing_of_a_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    good = KEY.sign(claims(patient="4711"))
    await verifier(KEY).verify(good)
    for made, _ in FORGED.values():
        await refusal(made())

    told = caplog.text
    assert told
    assert not any(part in told for part in (*good.split("."), "nurse", "4711"))


def test_without_an_issuer_there_is_nothing_to_verify_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCESS_ISSUER", raising=False)
    assert IssuerTokens.of(IssuerSettings()) is None
