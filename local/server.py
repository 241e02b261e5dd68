"""The rabbitmq-server program: found on this machine, or installed."""

from pathlib import Path

from local.packages import ProgramMissingError, apt_install, can_install, find_program


def find_server() -> Path | None:
    """Return the rabbitmq-server that any user may run."""
    found = find_program("rabbitmq-server")
    # Debian has a wrapper on the PATH that only root may run; the real script lies beside it.
    return found.resolve().with_name("rabbitmq-server") if found else None


def ensure_server() -> Path:
    """Return the rabbitmq-server of this machine, installed by apt when there is none."""
    found = find_server()
    if found is None:
        _install()
        found = find_server()
    if found is None:
        raise ProgramMissingError("rabbitmq-server was installed and is not found")
    return found


def _install() -> None:
    if not can_install():
        raise ProgramMissingError(
            "There is no RabbitMQ. Name one with RABBITMQ_URL, start one on this machine, start "
            "Docker, install rabbitmq-server (Debian and Ubuntu: apt-get install "
            "rabbitmq-server), or run this as root on Debian or Ubuntu, which installs it."
        )
    apt_install("rabbitmq-server")
