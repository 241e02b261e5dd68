"""The rabbitmq-server program: found on this machine, or installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where servers are installed, on the PATH of root alone.
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/lib/rabbitmq/bin"
_POLICY = Path("/usr/sbin/policy-rc.d")
_INSTALL_SECONDS = 900


class ServerMissingError(Exception):
    """There is no rabbitmq-server on this machine and no way to install it."""


def find_program(name: str) -> Path | None:
    """Return a program of the PATH or of the system's folders for servers."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}")
    return Path(found) if found else None


def find_server() -> Path | None:
    """Return the rabbitmq-server that any user may run."""
    found = find_program("rabbitmq-server")
    # Debian has a wrapper on the PATH that only root may run; the real script lies beside it.
    return found.resolve().with_name("rabbitmq-server") if found else None


def ensure_server() -> Path:
    """Return the rabbitmq-server of this machine, installed by apt when there is none."""
    found = find_server()
    if found is None:
        install_server()
        found = find_server()
    if found is None:
        raise ServerMissingError("rabbitmq-server was installed and is not found")
    return found


def install_server() -> None:
    """Install rabbitmq-server by apt, without starting the service that comes with it."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ServerMissingError(
            "There is no RabbitMQ. Name one with RABBITMQ_URL, start one on this machine, start "
            "Docker, install rabbitmq-server (Debian and Ubuntu: apt-get install "
            "rabbitmq-server), or run this as root on Debian or Ubuntu, which installs it."
        )
    print("Installing rabbitmq-server by apt: it is not on this machine.", file=sys.stderr)
    with _no_service_starts():
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", "rabbitmq-server")


def _apt_get(*arguments: str) -> None:
    """Run apt-get, its output on standard error."""
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            command, env=environment, check=True, stdout=sys.stderr, timeout=_INSTALL_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ServerMissingError(f"rabbitmq-server could not be installed: {error}") from error


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep packages from starting services while they are installed, as Debian's policy has it."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
