"""Child programs that never outlive this one."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ChildGroup:
    """A process group that ends with this program, however this program ends."""

    def __init__(self) -> None:
        # The leader reads a pipe that only this program holds open. When it closes, all go.
        self._leader = subprocess.Popen(
            ["/bin/sh", "-c", "read -r _; kill -KILL 0"],
            stdin=subprocess.PIPE,
            process_group=0,
        )
        self._children: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program whose output is appended to the log."""
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=self._leader.pid,
            )
        self._children.append(child)
        return child

    def stop(self, seconds: float) -> None:
        """Ask the programs to end, the last one first, and kill what has not after the seconds."""
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                break
        self.kill()

    def kill(self) -> None:
        """Kill every program of the group at once."""
        os.killpg(self._leader.pid, signal.SIGKILL)
        for child in (*self._children, self._leader):
            child.wait()
        if self._leader.stdin is not None:
            self._leader.stdin.close()
