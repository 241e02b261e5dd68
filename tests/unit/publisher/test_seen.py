"""Keys that were seen are known, whether they are in memory or in a temporary file."""

import tempfile
from pathlib import Path
from random import Random

import pytest

from publisher_app.seen import NoRoomForKeys, SeenKeys

AT_ONCE = 5_000


def keys(count: int, seed: int = 1) -> list[int]:
    random = Random(seed)
    return [random.getrandbits(64) - 2**63 for _ in range(count)]


@pytest.mark.fault("more rows without event_id than memory holds")
def test_a_key_is_new_once_however_many_lie_between() -> None:
    seen = SeenKeys(AT_ONCE)
    some = keys(3 * AT_ONCE + 100)
    assert not any(map(seen.add, some))
    assert all(map(seen.add, some))
    assert all(map(seen.add, reversed(some)))


def test_no_other_key_is_taken_for_one_that_was_seen() -> None:
    seen = SeenKeys(AT_ONCE)
    for key in keys(2 * AT_ONCE):
        seen.add(key)
    near = [key + 1 for key in keys(2 * AT_ONCE)]
    assert not any(map(seen.add, near))
    assert not any(map(seen.add, keys(AT_ONCE, seed=2)))


def test_the_ends_of_what_64_bits_hold_are_keys_as_any_other() -> None:
    seen = SeenKeys(AT_ONCE)
    ends = [-(2**63), -1, 0, 2**63 - 1]
    assert [seen.add(key) for key in (*ends, *ends)] == [False] * 4 + [True] * 4
    for key in keys(AT_ONCE):
        seen.add(key)
    assert all(map(seen.add, ends))


@pytest.mark.fault("more rows without event_id than memory holds")
def test_where_no_temporary_file_can_be_written_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    seen = SeenKeys(AT_ONCE)
    *fitting, one_more = keys(AT_ONCE)
    assert not any(map(seen.add, fitting))
    with pytest.raises(NoRoomForKeys, match=r"No such file.*: make room, or .* by TMPDIR"):
        seen.add(one_more)
