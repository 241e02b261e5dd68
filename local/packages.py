"""Programs that are needed on this machine: found, or installed by apt."""

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
_LAST_LINES = 20


class ProgramMissingError(Exception):
    """A program is not on this machine, and there is no way to install it."""


def find_program(name: str) -> Path | None:
    """Return a program of the PATH or of the system's folders for servers."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}")
    return Path(found) if found else None


def ensure_program(name: str, package: str) -> Path:
    """Return a program, installed by apt as part of a package when there is none."""
    found = find_program(name)
    if found is None:
        apt_install(package)
        found = find_program(name)
    if found is None:
        raise ProgramMissingError(f"{package} was installed, and there is no {name}")
    return found


def can_install() -> bool:
    """Tell whether this program may install packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    """Install packages by apt, without starting the services that may come with them."""
    wanted = " ".join(packages)
    if not can_install():
        raise ProgramMissingError(
            f"{wanted} is needed: install it (Debian and Ubuntu: apt-get install {wanted}), "
            "or run this as root on Debian or Ubuntu, which installs it."
        )
    print(f"Installing by apt what is not on this machine: {wanted}", file=sys.stderr)
    with _no_service_starts():
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", *packages)


def _apt_get(*arguments: str) -> None:
    """Run apt-get; what it says, thousands of lines, is shown when it fails: the end of it."""
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            command,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print("\n".join(str(error.stdout or "").splitlines()[-_LAST_LINES:]), file=sys.stderr)
        raise ProgramMissingError(f"{arguments[-1]} could not be installed: {error}") from error


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
