"""`python -m tests.programs`: install in one go what the tests would install one by one.

It runs before there is an environment, so it imports nothing but the standard library.
"""

import sys
from pathlib import Path

from local.packages import ProgramMissingError, apt_install, can_install, find_program

_PACKAGES = {
    "chromium": ("chromium", "fonts-dejavu-core"),
    "initdb": ("postgresql",),
    "openssl": ("openssl",),
    "pgbouncer": ("pgbouncer",),
    "rabbitmq-server": ("rabbitmq-server",),
    "strace": ("strace",),
}


def main() -> int:
    """Install what is missing, where that is possible; the tests say what they lack."""
    missing = [package for name in _PACKAGES if not _is_here(name) for package in _PACKAGES[name]]
    if missing and can_install():
        try:
            apt_install(*missing)
        except ProgramMissingError as error:
            sys.exit(str(error))
    return 0


def _is_here(name: str) -> bool:
    # Debian keeps PostgreSQL's programs of each version apart and off the PATH.
    on_debian = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    return find_program(name) is not None or any(on_debian)


if __name__ == "__main__":
    sys.exit(main())
