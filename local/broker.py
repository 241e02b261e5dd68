"""A private RabbitMQ: its own folder and ports, on the loopback interface alone."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.children import ChildGroup
from local.packages import ProgramMissingError, find_program
from local.ports import free_port
from local.server import ensure_server

START_SECONDS = 300.0
STOP_SECONDS = 60.0

# The first bytes of an AMQP 0-9-1 connection, and the type of the frame that answers them.
_GREETING = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"

# What every version logs once all of it runs.
_STARTED = b"Server startup complete"

_PLUGIN_LISTENERS = {
    "rabbitmq_management": "management.tcp",
    "rabbitmq_prometheus": "prometheus.tcp",
}


class BrokerError(Exception):
    """The broker did not do as it was told."""


class PrivateBroker:
    """A rabbitmq-server that is a child of this program and keeps its data in one folder.

    It can be stopped or killed and started again: on the same ports, with the same data.
    """

    def __init__(
        self, folder: Path, *, plugins: Sequence[str] = (), port: int | None = None
    ) -> None:
        """``port`` is a wanted one; by default any that is free."""
        self.folder = folder.absolute()
        self.name = "rabbit@localhost"
        self.log = self.folder / "broker.log"
        self.port = port or free_port()
        self.plugin_ports = {name: free_port() for name in plugins if name in _PLUGIN_LISTENERS}
        self._plugins = plugins
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._group: ChildGroup | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the broker, credentials included."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """The process id of the server itself, not of a shell around it."""
        if self._server is None:
            raise BrokerError("the broker is not running")
        return self._server.pid

    def start(self) -> None:
        """Start the broker and return when it has started in full."""
        if self._group is not None:
            raise BrokerError("the broker is running already")
        server, epmd = ensure_server(), find_epmd()
        self._write_configuration()
        self._group = ChildGroup()
        try:
            self._start_epmd(self._group, epmd)
            self._start_server(self._group, server)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker in good order; nothing to do when it is not running."""
        if self._group is not None:
            self._group.stop(STOP_SECONDS)
        self._group = self._server = None

    def kill(self) -> None:
        """Kill the broker as a power cut would; nothing to do when it is not running."""
        if self._group is not None:
            self._group.kill()
        self._group = self._server = None

    def _start_epmd(self, group: ChildGroup, epmd: Path) -> None:
        """Start Erlang's port mapper, which would start itself otherwise, and stay behind."""
        child = group.start(
            [epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)], log=self.log
        )
        self._wait(child, lambda: _listens(self._epmd_port))

    def _start_server(self, group: ChildGroup, server: Path) -> None:
        before = self.log.stat().st_size
        self._server = group.start([server], log=self.log, env=self._environment())
        self._wait(self._server, lambda: self._has_started(since=before))

    def _has_started(self, *, since: int) -> bool:
        """Tell whether the log says so, from an offset on.

        The broker accepts connections earlier than that; RabbitMQ 4 hangs if it is stopped then.
        """
        with self.log.open("rb") as log:
            log.seek(since)
            return _STARTED in log.read()

    def _wait(self, child: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> None:
        """Wait until the child is ready, no longer than it lives and the limit allows."""
        end = time.monotonic() + START_SECONDS
        while not is_ready():
            if child.poll() is not None:
                raise BrokerError(f"the broker ended at its start:\n{self._last_lines()}")
            if time.monotonic() > end:
                raise BrokerError(
                    f"the broker was not ready after {START_SECONDS:.0f} s:\n{self._last_lines()}"
                )
            time.sleep(0.05)

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"(the end of {self.log})", *lines[-25:]])

    def _write_configuration(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        lines = (f"{key} = {value}\n" for key, value in self._settings().items())
        (self.folder / "rabbitmq.conf").write_text("".join(lines))
        (self.folder / "enabled_plugins").write_text(f"[{','.join(self._plugins)}].\n")

    def _settings(self) -> dict[str, object]:
        listeners = {
            f"{_PLUGIN_LISTENERS[name]}.{key}": value
            for name, port in self.plugin_ports.items()
            for key, value in (("ip", "127.0.0.1"), ("port", port))
        }
        return {
            "listeners.tcp.local": f"127.0.0.1:{self.port}",
            # It must not block publishers because this machine is small or nearly full.
            "disk_free_limit.absolute": "1MB",
            "vm_memory_high_watermark.absolute": "2GB",
            "raft.wal_max_size_bytes": 64 * 1024 * 1024,
            **listeners,
        }

    def _environment(self) -> dict[str, str]:
        """Make the server's whole environment; nothing else of this program's passes on."""
        folder = str(self.folder)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "HOME": folder,
            "ERL_CRASH_DUMP": f"{folder}/erl_crash.dump",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_FLAGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            # The machine's own configuration files are left out by naming others.
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONFIG_FILES": f"{folder}/conf.d",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced.config",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # Without a supervising shell: a signal reaches the server itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            # A start takes the processor a tenth more where threads spin long before they sleep,
            # and are tied to a core.
            "RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD": "short",
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
        }


@contextmanager
def private_broker(
    folder: Path, *, plugins: Sequence[str] = (), port: int | None = None
) -> Iterator[PrivateBroker]:
    """Run a private broker for as long as the context lasts."""
    broker = PrivateBroker(folder, plugins=plugins, port=port)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def speaks_amqp(port: int) -> bool:
    """Tell whether a broker answers the AMQP greeting on the port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(_GREETING)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def find_epmd() -> Path:
    """Return Erlang's port mapper."""
    found = find_program("epmd")
    if found is None:
        raise ProgramMissingError("epmd is not on the PATH: it comes with Erlang")
    return found
