"""A private PostgreSQL: its own folder and port, on the loopback interface alone."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from local.children import ChildGroup
from local.packages import ProgramMissingError, apt_install, find_program
from local.ports import free_port

START_SECONDS = 60.0
STOP_SECONDS = 60.0

_USER = "postgres"
# Debian keeps the programs of each version apart and off the PATH.
_DEBIAN = Path("/usr/lib/postgresql")


class PostgresError(Exception):
    """PostgreSQL did not do as it was told."""


class PrivatePostgres:
    """A PostgreSQL server that is a child of this program and keeps its data in one folder.

    It can be stopped or killed and started again: on the same port, with the same data. As root
    may not run it, it then runs as the user postgres, who must be able to reach the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "postgres.log"
        self.port = free_port()
        self._data = self.folder / "data"
        self._group: ChildGroup | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the database, as DATABASE_URL takes it."""
        return f"postgresql+asyncpg://{_USER}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        if self._server is None:
            raise PostgresError("PostgreSQL is not running")
        return self._server.pid

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        if self._group is not None:
            raise PostgresError("PostgreSQL is running already")
        programs = _ensure_programs()
        self._make_cluster(programs)
        self._group = ChildGroup()
        try:
            self._start_server(self._group, programs)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server in good order; nothing to do when it is not running."""
        if self._group is not None and self._server is not None:
            # Unlike SIGTERM it does not wait for the clients to leave.
            self._server.send_signal(signal.SIGINT)
            self._server.wait(STOP_SECONDS)
            self._group.kill()
        self._group = self._server = None

    def kill(self) -> None:
        """Kill the server as a power cut would; nothing to do when it is not running."""
        if self._group is not None:
            sessions = _descendants(self._server)
            self._group.kill()
            for session in sessions:
                session.kill()
            psutil.wait_procs(sessions, STOP_SECONDS)
        self._group = self._server = None

    def _make_cluster(self, programs: Path) -> None:
        if self._data.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, _USER)
        making = self._making(programs)
        command = [*_unprivileged(), *making, f"--username={_USER}", "-D", self._data]
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, cwd=self.folder, check=False)
        if done.returncode != 0:
            raise PostgresError(f"{making[0]} failed:\n{self._last_lines()}")

    def _making(self, programs: Path) -> list[str | Path]:
        """Begin the command that makes the data."""
        return [programs / "initdb", "--auth=trust", "--encoding=UTF8", "--no-locale"]

    def _start_server(self, group: ChildGroup, programs: Path) -> None:
        settings = self._settings().items()
        options = [option for item in settings for option in ("-c", "=".join(item))]
        command = [*_unprivileged(), programs / "postgres", "-D", self._data, *options]
        self._server = group.start(command, log=self.log)
        self._wait(self._server, programs / "pg_isready")

    def _settings(self) -> dict[str, str]:
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }

    def _wait(self, server: subprocess.Popen[bytes], pg_isready: Path) -> None:
        asking: list[str | Path] = [
            pg_isready,
            "--quiet",
            "--host=127.0.0.1",
            f"--port={self.port}",
        ]
        end = time.monotonic() + START_SECONDS
        while subprocess.run(asking, check=False).returncode != 0:
            if server.poll() is not None:
                raise PostgresError(f"PostgreSQL ended at its start:\n{self._last_lines()}")
            if time.monotonic() > end:
                raise PostgresError(
                    f"PostgreSQL was not ready after {START_SECONDS:.0f} s:\n{self._last_lines()}"
                )
            time.sleep(0.05)

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"(the end of {self.log})", *lines[-25:]])


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """Run a private PostgreSQL, in a temporary folder, for as long as the context lasts."""
    with TemporaryDirectory(prefix="medication-periods-postgres-") as folder:
        postgres = PrivatePostgres(Path(folder))
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


def _unprivileged() -> list[str | Path]:
    """Begin a command that runs as the user postgres where this program runs as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--"]


def _descendants(server: subprocess.Popen[bytes] | None) -> list[psutil.Process]:
    """List the server's processes: each is the leader of a group of its own."""
    if server is None or server.poll() is not None:
        return []
    return psutil.Process(server.pid).children(recursive=True)


def _ensure_programs() -> Path:
    """Return the folder of PostgreSQL's programs, installed by apt when there are none."""
    found = _find_programs()
    if found is None:
        apt_install("postgresql")
        found = _find_programs()
    if found is None:
        raise ProgramMissingError("postgresql was installed, and there is no initdb")
    return found


def _find_programs() -> Path | None:
    if versions := list(_DEBIAN.glob("*/bin/initdb")):
        return max(versions, key=lambda initdb: float(initdb.parents[1].name)).parent
    initdb = find_program("initdb")
    return initdb.resolve().parent if initdb else None
