"""A file has its name for good once it is given it."""

import errno
import os
from pathlib import Path

import pytest

from runtime.durable import delete, put_in_place


def test_a_folder_is_synced_once_a_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished, file = tmp_path / "unfinished", tmp_path / "backup.db"
    unfinished.write_text("whole")
    synced: list[tuple[Path, str]] = []

    def sync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), file.read_text()))

    monkeypatch.setattr(os, "fsync", sync)
    put_in_place(unfinished, file)

    assert synced == [(tmp_path, "whole")]
    assert not unfinished.exists()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP], ids=errno.errorcode.get)
def test_a_folder_that_can_not_be_synced_keeps_no_file_from_its_name(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(number, tmp_path, monkeypatch)
    assert Path(tmp_path, "backup.db").read_text() == "whole"


def test_that_a_folder_is_not_on_the_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        place(errno.EIO, tmp_path, monkeypatch)


def place(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a file in its place where to sync the folder fails."""

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    unfinished = folder / "unfinished"
    unfinished.write_text("whole")
    put_in_place(unfinished, folder / "backup.db")


def test_a_folder_is_synced_once_a_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.csv.rejects.jsonl"
    file.touch()
    there: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: there.append(file.exists()))
    delete(file)
    assert there == [False]
