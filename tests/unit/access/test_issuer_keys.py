"""When an issuer's keys are fetched, and what holds while they can't be."""

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from runtime.access.callers import IssuerUnavailable, Unauthorized
from runtime.access.issuer import NotFetched
from runtime.access.issuer_keys import IssuerKeys, Pace
from runtime.access.key_set import KeySet
from runtime.access.oidc import IssuerTokens
from tests.signing import SigningKey, claims_for, published
from tests.unit.access.test_issuer_tokens import AUDIENCE, ISSUER, READER

OLD, NEW = SigningKey("old"), SigningKey("new")
COOLDOWN = 10


class Issuer:
    """Publishes what it is told to, and counts how often that is fetched; its time is still."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys: tuple[SigningKey, ...] | None = keys
        self.fetched = 0
        self.now = 1_000.0
        self.held = IssuerKeys(self._fetch, Pace(cooldown=COOLDOWN), lambda: self.now)
        self.tokens = IssuerTokens(ISSUER, AUDIENCE, self.held, READER)

    def _fetch(self) -> KeySet:
        self.fetched += 1
        if self.keys is None:
            raise NotFetched("https://login.example.org/keys: Connection refused")
        return KeySet.read(published(*self.keys))

    async def takes(self, key: SigningKey) -> bool:
        """Tell whether a new token of the key is taken."""
        try:
            await self.tokens.verify(key.sign(claims_for(ISSUER, AUDIENCE)))
        except Unauthorized:
            return False
        return True


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a thread makes it so
            await asyncio.sleep(0.001)


async def test_keys_are_fetched_once_for_all_who_come_first() -> None:
    issuer = Issuer(OLD)

    assert all(await asyncio.gather(*(issuer.takes(OLD) for _ in range(50))))
    assert issuer.fetched == 1


async def test_unknown_key_ids_lead_to_one_fetch_a_cooldown() -> None:
    issuer = Issuer(OLD)
    assert await issuer.takes(OLD)
    unknown = [SigningKey(f"unknown {number}") for number in range(50)]

    assert not any(await asyncio.gather(*map(issuer.takes, unknown)))
    assert issuer.fetched == 1, "within the cooldown"

    issuer.now += COOLDOWN
    assert not any(await asyncio.gather(*map(issuer.takes, unknown)))
    assert not any([await issuer.takes(key) for key in unknown])
    assert issuer.fetched == 2


async def test_a_token_of_a_new_key_is_taken_once_the_cooldown_is_over() -> None:
    issuer = Issuer(OLD)
    assert await issuer.takes(OLD)
    issuer.keys = (NEW, OLD)
    assert not await issuer.takes(NEW)

    issuer.now += COOLDOWN
    assert await issuer.takes(NEW)
    assert await issuer.takes(OLD)


async def test_a_withdrawn_key_ends_the_tokens_that_were_verified_by_it() -> None:
    issuer = Issuer(OLD)
    token = OLD.sign(claims_for(ISSUER, AUDIENCE))
    await issuer.tokens.verify(token)
    issuer.keys = (NEW,)
    issuer.now += COOLDOWN
    await issuer.held.renew()

    with pytest.raises(Unauthorized, match="none of the issuer's keys"):
        await issuer.tokens.verify(token)


async def test_an_issuer_that_is_away_at_the_start_is_asked_again_after_the_cooldown() -> None:
    issuer = Issuer(OLD)
    issuer.keys = None
    for _ in range(3):
        with pytest.raises(IssuerUnavailable, match="can't be had now") as unavailable:
            await issuer.takes(OLD)
        assert unavailable.value.retry_after_seconds == COOLDOWN
    assert issuer.fetched == 1

    issuer.keys = (OLD,)
    issuer.now += COOLDOWN
    assert await issuer.takes(OLD)


async def test_what_is_no_token_of_the_issuer_is_refused_though_its_keys_are_not_known() -> None:
    issuer = Issuer()
    issuer.keys = None

    with pytest.raises(Unauthorized, match="no signed JWT"):
        await issuer.tokens.verify("nonsense")
    assert issuer.fetched == 0


async def test_the_last_keys_are_used_on_while_the_issuer_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer = Issuer(OLD)
    assert await issuer.takes(OLD)
    issuer.keys = None
    for _ in range(3):
        issuer.now += COOLDOWN
        assert not await issuer.takes(NEW)
        assert await issuer.takes(OLD)
    issuer.keys = (NEW,)
    issuer.now += COOLDOWN
    assert await issuer.takes(NEW)

    assert [record.getMessage() for record in caplog.records] == [
        "the issuer's keys can be had: 1 are of use",
        "the issuer's keys can't be had, those had before are used on: "
        "https://login.example.org/keys: Connection refused",
        "the issuer's keys can be had: 1 are of use",
    ]


async def test_keys_are_fetched_at_the_start_and_at_an_interval_unasked() -> None:
    issuer = Issuer(OLD)
    keys = IssuerKeys(issuer._fetch, Pace(interval=0.001, cooldown=0))
    async with keys.kept_fresh():
        await until(lambda: keys.held)
        await until(lambda: issuer.fetched >= 3)

    assert asyncio.all_tasks() == {asyncio.current_task()}, "it ends with the context"


async def test_an_issuer_that_is_away_is_asked_again_sooner_than_at_the_interval() -> None:
    issuer = Issuer()
    issuer.keys = None
    keys = IssuerKeys(issuer._fetch, Pace(interval=3_600, cooldown=0.001))
    async with keys.kept_fresh():
        await until(lambda: issuer.fetched >= 3)
        assert keys.held is None
        issuer.keys = (OLD,)
        await until(lambda: keys.held)


async def test_a_slow_issuer_blocks_neither_the_loop_nor_the_end_and_is_asked_once() -> None:
    answered, asked = threading.Event(), 0

    def fetch() -> KeySet:
        nonlocal asked
        asked += 1
        answered.wait(60)
        return KeySet.read(published(OLD))

    keys = IssuerKeys(fetch, Pace(cooldown=0, patience=0.01))
    try:
        async with asyncio.timeout(10), keys.kept_fresh():
            for _ in range(3):
                with pytest.raises(IssuerUnavailable):
                    await keys.current()
        assert asked == 1
    finally:
        answered.set()
