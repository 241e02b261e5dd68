"""The key is made once, for its owner alone, and a bad one is refused in one line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consumer_app.audit.errors import UnusableAudit
from consumer_app.audit.key import make_key, read_key


def test_a_key_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "audit.key"

    key = make_key(file)

    assert len(key) == 32
    assert read_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*file.parent.iterdir()] == [file]


def test_of_those_who_make_it_at_once_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = {*threads.map(make_key, [tmp_path / "audit.key"] * 40)}

    assert len(keys) == 1


def test_a_key_that_others_may_read_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "audit.key"
    key = make_key(file)
    assert not caplog.messages
    file.chmod(0o640)

    assert read_key(file) == key
    assert caplog.messages == [f"the audit's key {file} can be read by others: chmod 600 it"]


def test_a_key_that_is_not_there_is_told_from_a_bad_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_key(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "é"])
def test_a_bad_key_is_refused_with_what_one_is_and_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "audit.key"
    file.write_text(text)

    with pytest.raises(UnusableAudit, match="is none: it has 64 hexadecimal digits") as refused:
        read_key(file)
    assert str(file) in str(refused.value)
    assert not text or text not in str(refused.value)


def test_a_key_that_can_not_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UnusableAudit, match="can't be made: File exists"):
        make_key(tmp_path / "file" / "audit.key")
