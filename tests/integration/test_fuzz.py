"""Both HTTP interfaces keep what their own OpenAPI documents say, whatever they are asked.

`make test` asks the same few hundred things each time, `make fuzz` thousands of others.
"""

import os
import subprocess
import sys
from pathlib import Path

from local.broker import private_broker
from tests.services import ServiceProcess

CASES = os.environ.get("FUZZ_CASES", "25")
"""Of each operation, besides its examples and the edges of what it takes, asked each time."""
SEED = os.environ.get("FUZZ_SEED", "1")
"""Without one, it is another each time, and told."""


def test_the_consumer_answers_as_it_documents(consumer: ServiceProcess, tmp_path: Path) -> None:
    ask_everything(consumer, tmp_path)


def test_the_publisher_answers_as_it_documents(tmp_path: Path) -> None:
    """Over a broker of its own: what it takes is no event that another test waits for."""
    with private_broker(tmp_path) as broker:
        publisher = ServiceProcess("publisher", {"RABBITMQ_URL": broker.url}, tmp_path)
        try:
            publisher.wait_until_ready()
            ask_everything(publisher, tmp_path)
        finally:
            publisher.stop()


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
    # It runs nothing of ours, and takes three times as long where its coverage is measured.
    environment = {key: value for key, value in os.environ.items() if "COVERAGE" not in key}
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", *options],
        env=environment | {"SCHEMATHESIS_HOOKS": "tests.fuzzing", "PYTHONPATH": str(Path.cwd())},
        cwd=folder,  # it leaves a report there
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
