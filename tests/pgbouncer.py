"""A private PgBouncer, which shares the sessions of a PostgreSQL out, a transaction at a time."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from local.packages import ensure_program
from local.ports import free_port
from local.postgres import PrivatePostgres

_USER = "postgres"
_PATIENCE_SECONDS = 30.0
# Two sessions for all: clients get another one's again and again.
_SETTINGS = {
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "auth_type": "any",
    "pool_mode": "transaction",
    "default_pool_size": "2",
    "max_client_conn": "200",
}


class PgBouncer:
    """PgBouncer in front of a server, as Debian's package has it but for the pool's mode.

    As root may not run it, it then runs as the user postgres.
    """

    def __init__(self, folder: Path, server: PrivatePostgres, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "pgbouncer.log"
        self._file = folder / "pgbouncer.ini"
        options = {**_SETTINGS, "listen_port": self.port, "logfile": self._log, **settings}
        lines = [f"{name} = {value}" for name, value in options.items()]
        where = f"* = host=127.0.0.1 port={server.port} user={_USER}"
        self._file.write_text("\n".join(["[databases]", where, "[pgbouncer]", *lines, ""]))

    def url_of(self, url: str) -> str:
        """Lead a server's address through here."""
        return url.replace(f":{self._server.port}/", f":{self.port}/")

    def start(self) -> None:
        """Start it and return when it listens."""
        command = [str(ensure_program("pgbouncer", "pgbouncer")), str(self._file)]
        if os.geteuid() == 0:
            shutil.chown(self._file.parent, _USER)
            command[1:1] = ["-u", _USER]
        self._log.unlink(missing_ok=True)
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._wait(self._process)

    def kill(self) -> None:
        """Kill it; nothing to do when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self._log.exists() or "process up" not in self._log.read_text():
            assert process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, "PgBouncer does not start"
            time.sleep(0.05)


@contextmanager
def private_pgbouncer(server: PrivatePostgres, **settings: str) -> Iterator[PgBouncer]:
    """Run PgBouncer in front of a server; ``settings`` are more of its own."""
    with TemporaryDirectory(prefix="medication-periods-pgbouncer-") as folder:
        bouncer = PgBouncer(Path(folder), server, settings)
        try:
            bouncer.start()
            yield bouncer
        finally:
            bouncer.kill()
