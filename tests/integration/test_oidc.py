"""Tokens of a real identity provider, and what somebody might make of them."""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runtime.access.callers import (
    EVENTS_WRITE,
    PERIODS_READ,
    Caller,
    IssuerUnavailable,
    Unauthorized,
    Verify,
)
from runtime.access.claims import ClaimReader
from runtime.access.issuer import fetch_keys
from runtime.access.issuer_keys import IssuerKeys, Pace
from runtime.access.oidc import IssuerTokens
from runtime.access.oidc_settings import IssuerSettings
from tests.issuer import AUDIENCE, Claims, Issuer
from tests.signing import SigningKey, compact

NOW = int(time.time())
PAGE = "http://127.0.0.1:8000/"
QUICK = Pace(interval=0.05, cooldown=0.05)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    programs: dict[str, Claims] = {
        "pump": {},
        "infusion-4711": {"patient": "4711"},
        "of-another-issuer": {"iss": "https://login.example.org"},
        "eternal": {"exp": None},
        "expired": {"exp": NOW - 60},
        "early": {"nbf": NOW + 3_600},
        "nobody": {"sub": None},
    }
    people: dict[str, Claims] = {"nurse": {}, "patient-4711": {"patient": "4711"}}
    with Issuer(programs=programs, people=people, page=PAGE) as started:
        yield started


@asynccontextmanager
async def verifying(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, **settings: str
) -> AsyncIterator[Verify]:
    """Verify tokens by settings that name the issuer, and others."""
    given = {"ACCESS_ISSUER": issuer.url, "ACCESS_AUDIENCE": AUDIENCE, **settings}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    tokens = IssuerTokens.of(IssuerSettings())
    assert tokens is not None
    async with tokens.started():
        yield tokens.verify


async def refusal(verify: Verify, token: str) -> str:
    with pytest.raises(Unauthorized) as refused:
        await verify(token)
    return str(refused.value)


async def test_a_program_may_what_its_token_says(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with verifying(issuer, monkeypatch) as verify:
        caller = await verify(issuer.token("pump", "events:write periods:read"))
        without = await verify(issuer.token("pump"))

    assert (caller.subject, caller.client, caller.patient) == ("pump", "pump", None)
    assert caller.scopes == {EVENTS_WRITE, PERIODS_READ}
    assert caller.token_id
    assert (without.subject, without.scopes) == ("pump", set())
    assert without.token_id != caller.token_id


async def test_scopes_of_smart_count_as_they_are_mapped(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = "system/MedicationAdministration.rs"
    async with verifying(issuer, monkeypatch, ACCESS_SCOPES=f"{scope}=periods:read") as verify:
        assert (await verify(issuer.token("pump", scope))).scopes == {PERIODS_READ}


async def test_a_token_may_be_limited_to_one_patient(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with verifying(issuer, monkeypatch) as verify:
        assert (await verify(issuer.token("infusion-4711", "periods:read"))).patient == "4711"


async def test_a_person_signs_in_by_code_with_pkce_and_goes_on_by_a_refresh_token(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = issuer.sign_in("patient-4711", "openid periods:read")
    renewed = issuer.refresh(tokens["refresh_token"])
    assert renewed["access_token"] != tokens["access_token"]

    async with verifying(issuer, monkeypatch) as verify:
        callers = [await verify(each["access_token"]) for each in (tokens, renewed)]

    for caller in callers:
        about = caller._replace(token_id=None)
        assert about == Caller("patient-4711", {PERIODS_READ}, client="page", patient="4711")


async def test_an_id_token_is_refused_even_where_it_has_the_right_audience(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = issuer.sign_in("nurse", "openid periods:read")

    async with verifying(issuer, monkeypatch, ACCESS_AUDIENCE="page") as verify:
        assert "an ID token" in await refusal(verify, tokens["id_token"])
    async with verifying(issuer, monkeypatch) as verify:
        assert "its aud is another" in await refusal(verify, tokens["id_token"])


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("of-another-issuer", "its iss is another"),
        ("eternal", "has no exp"),
        ("expired", "has expired"),
        ("early", "is not valid yet"),
        ("nobody", "has no sub"),
    ],
)
async def test_what_the_issuer_signs_but_should_not_have_is_refused(
    issuer: Issuer, program: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with verifying(issuer, monkeypatch) as verify:
        assert reason in await refusal(verify, issuer.token(program, "periods:read"))


async def test_a_token_for_another_service_is_refused(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with verifying(issuer, monkeypatch) as verify:
        token = issuer.token("pump", "periods:read", audience="https://else.example.org")
        assert "its aud is another" in await refusal(verify, token)


def unsigned(_: Issuer, good: str) -> str:
    return compact({"alg": "none", "typ": "at+jwt"}, claims(good), lambda _: b"")


def pretending_to_be_signed(issuer: Issuer, good: str) -> str:
    return compact({"alg": "none", "kid": issuer.key.id}, claims(good), lambda _: b"any")


def by_the_public_key_as_a_secret(issuer: Issuer, good: str) -> str:
    public = issuer.key.pair.public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {**jwt.get_unverified_header(good), "alg": "HS256"}
    return compact(header, claims(good), lambda signed: hmac.digest(secret, signed, hashlib.sha256))


def altered(issuer: Issuer, good: str) -> str:
    header, _, signature = good.split(".")
    other = issuer.token("pump", "events:write periods:read").split(".")[1]
    return f"{header}.{other}.{signature}"


def by_a_foreign_key(issuer: Issuer, good: str) -> str:
    return SigningKey(issuer.key.id, "RS256").sign(claims(good))


def by_an_unknown_key(_: Issuer, good: str) -> str:
    return SigningKey("unknown", "RS256").sign(claims(good))


def with_crit(issuer: Issuer, good: str) -> str:
    return issuer.key.sign(claims(good), crit=["exp"])


def by_an_algorithm_that_the_key_is_not_for(issuer: Issuer, good: str) -> str:
    header = {**jwt.get_unverified_header(good), "alg": "PS256"}
    return compact(header, claims(good), lambda signed: issuer.key.signature(signed, "PS256"))


def claims(token: str) -> dict[str, object]:
    read: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return read


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (unsigned, "is no signed JWT"),
        (pretending_to_be_signed, "an algorithm that is not taken"),
        (by_the_public_key_as_a_secret, "an algorithm that is not taken"),
        (altered, "signature is wrong"),
        (by_a_foreign_key, "signature is wrong"),
        (by_an_unknown_key, "none of the issuer's keys"),
        (with_crit, "can't be read"),
        (by_an_algorithm_that_the_key_is_not_for, "key is not for"),
    ],
)
async def test_what_is_made_of_a_good_token_is_refused(
    issuer: Issuer,
    made: Callable[[Issuer, str], str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = issuer.token("pump", "periods:read")
    async with verifying(issuer, monkeypatch) as verify:
        assert reason in await refusal(verify, made(issuer, good))
        assert await verify(good)


async def test_an_issuer_that_calls_itself_by_another_name_is_not_believed(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = issuer.url.replace("127.0.0.1", "localhost")
    async with verifying(issuer, monkeypatch, ACCESS_ISSUER=other) as verify:
        with pytest.raises(IssuerUnavailable):
            await verify(issuer.token("pump"))

    assert f"is of the issuer '{issuer.url}', so that is what ACCESS_ISSUER must be" in caplog.text


def quick_tokens(issuer: Issuer) -> IssuerTokens:
    """Verify as a service does, but wait less long for the issuer."""
    keys = IssuerKeys(partial(fetch_keys, issuer.url, None), QUICK)
    return IssuerTokens(issuer.url, AUDIENCE, keys, ClaimReader(("scope",), (), "patient"))


async def eventually_taken(verify: Verify, token: str) -> Caller:
    end = time.monotonic() + 60
    while True:
        try:
            return await verify(token)
        except (Unauthorized, IssuerUnavailable):
            assert time.monotonic() < end
            await asyncio.sleep(0.01)


async def test_the_issuer_may_be_away_and_change_its_keys(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    issuer = Issuer(programs={"pump": {}})
    tokens = quick_tokens(issuer)
    async with tokens.started():
        with pytest.raises(IssuerUnavailable):
            await tokens.verify(issuer.key.sign({}))

        with issuer:
            first = issuer.token("pump")
            assert (await eventually_taken(tokens.verify, first)).subject == "pump"

            issuer.rotate()
            second = issuer.token("pump")
            assert jwt.get_unverified_header(second) != jwt.get_unverified_header(first)
            await eventually_taken(tokens.verify, second)
            await tokens.verify(first)

            issuer.rotate(withdraw=True)
            third = issuer.token("pump")
            await eventually_taken(tokens.verify, third)
            assert "none of the issuer's keys" in await refusal(tokens.verify, second)

        assert await tokens.verify(third)
