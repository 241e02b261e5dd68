"""The operators' commands, as processes of their own."""

import subprocess
from collections.abc import Mapping

from tests.processes import run_module


def run_command(
    environment: Mapping[str, str], *arguments: str, stdin: bytes = b"", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `python -m consumer_app` with more settings in its environment."""
    return run_module("consumer_app", arguments, environment, stdin=stdin, timeout=timeout)
