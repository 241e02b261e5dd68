"""How long a verified token is remembered, and how many are."""

from runtime.access.callers import Caller
from runtime.access.key_set import KeySet
from runtime.access.verified import VerifiedTokens

NURSE = Caller("nurse", ())
KEYS, NEWER = KeySet([]), KeySet([])


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_remembered_for_a_minute() -> None:
    clock = Clock()
    tokens = VerifiedTokens(clock)
    tokens.keep("token", KEYS, NURSE, 3_600)

    clock.now += 59.9
    assert tokens.find("token", KEYS) == NURSE
    clock.now += 0.1
    assert tokens.find("token", KEYS) is None


def test_a_token_is_not_remembered_longer_than_it_lasts() -> None:
    clock = Clock()
    tokens = VerifiedTokens(clock)
    tokens.keep("token", KEYS, NURSE, 5)
    tokens.keep("expired", KEYS, NURSE, -5)

    assert tokens.find("expired", KEYS) is None
    clock.now += 5
    assert tokens.find("token", KEYS) is None


def test_what_other_keys_verified_does_not_count() -> None:
    tokens = VerifiedTokens()
    tokens.keep("token", KEYS, NURSE, 60)

    assert tokens.find("token", NEWER) is None
    assert tokens.find("other", KEYS) is None


def test_the_oldest_of_4096_tokens_makes_room() -> None:
    tokens = VerifiedTokens()
    for number in range(4_097):
        tokens.keep(f"token {number}", KEYS, NURSE, 60)

    assert tokens.find("token 0", KEYS) is None
    assert tokens.find("token 1", KEYS) == tokens.find("token 4096", KEYS) == NURSE
