"""The version stands in runtime/version.py, and all that can't derive it says the same."""

from pathlib import Path

import pytest

from local.version import PLACES, versions_in, with_version
from runtime.version import VERSION


@pytest.mark.parametrize("file", PLACES)
def test_what_must_give_the_version_literally_follows_the_one_place(file: str) -> None:
    found = versions_in(file, Path(file).read_text(encoding="utf-8"))
    assert found, f"{file} gives no version any more: mend PLACES in local/version.py"
    assert set(found) == {VERSION}, f"{file} is behind runtime/version.py: run `make version`"


def test_the_version_is_written_over_another_and_nothing_else_is() -> None:
    before = 'apiVersion: v2\nversion: 0.9.0\nappVersion: 0.9.0\nkubeVersion: ">=1.30.0-0"\n'
    after = with_version("charts/medication-periods/Chart.yaml", before)
    assert after == before.replace("0.9.0", VERSION)
