"""A file has its name for good once it is given it: also behind a power cut."""

import os
from pathlib import Path

import pytest

from consumer_app.storage.files import put_in_place


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
