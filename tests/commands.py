"""The operators' commands, as processes of their own."""

import subprocess
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from tests.processes import run_module


def run_command(
    environment: Mapping[str, str], *arguments: str, stdin: bytes = b"", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `python -m consumer_app` with more settings in its environment.

    Where no database is named, it is recorded in an audit of its own, and not in the one here.
    """
    with TemporaryDirectory() as folder:
        own = {"AUDIT_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/audit.db"}
        settings = environment if "DATABASE_URL" in environment else own | dict(environment)
        return run_module("consumer_app", arguments, settings, stdin=stdin, timeout=timeout)
