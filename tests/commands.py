"""The operators' commands, as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping


def run_command(
    environment: Mapping[str, str], *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run `python -m consumer_app` with more settings in its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "consumer_app", *arguments],
        env={**os.environ, **environment},
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
