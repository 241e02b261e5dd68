"""The modules of the timeline that touch no page do what their own tests say, run by node."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = sorted(Path(__file__).parent.glob("*.test.js"))


@pytest.mark.parametrize("tests", TESTS, ids=lambda file: file.name.partition(".")[0])
def test_a_module_of_the_timeline_passes_its_tests(tests: Path) -> None:
    node = Path(sys.executable).with_name("node")
    done = subprocess.run(
        [node, "--test-reporter=tap", tests], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A file that runs no test ends well, too.
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE), done.stdout
