"""Both HTTP interfaces keep what their own OpenAPI documents say, whatever they are asked.

`make test` asks the same few hundred things each time, `make fuzz` thousands of others.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ServiceProcess

CASES = os.environ.get("FUZZ_CASES", "25")
"""Of each operation, besides its examples and the edges of what it takes, asked each time."""
SEED = os.environ.get("FUZZ_SEED", "1")
"""Without one, it is another each time, and told."""


def test_the_consumer_answers_as_it_documents(consumer: ServiceProcess, tmp_path: Path) -> None:
    ask_everything(consumer, tmp_path)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_publisher_answers_as_it_documents(publisher: ServiceProcess, tmp_path: Path) -> None:
    """Once: it knows no database."""
    ask_everything(publisher, tmp_path)


def ask_everything(service: ServiceProcess, folder: Path) -> None:
    """Ask every operation for what its document allows, and for what it does not."""
    options = (
        "--checks=all",
        "--continue-on-failure",
        "--generation-database=none",
        "--no-color",
        "--request-timeout=30",
        "--warnings=off",
        f"--max-examples={CASES}",
        *([f"--seed={SEED}"] if SEED else []),
    )
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", *options],
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzzing", "PYTHONPATH": str(Path.cwd())},
        cwd=folder,  # it leaves a report there
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
