"""A folder that publishers watch in a fault test, and what is to become of the files in it."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.faults.reports import Report
from tests.faults.system import System
from tests.services import ServiceProcess, eventually


class Watcher(NamedTuple):
    """A publisher that watches a folder, and the directory of its claims there."""

    service: ServiceProcess
    claims: Path

    @property
    def pid(self) -> int:
        return self.service.process.pid

    @property
    def in_hand(self) -> list[str]:
        """The names of the files that it has claimed."""
        return [path.name for path in self.claims.glob("[!.]*")]

    def is_gone(self) -> bool:
        return self.service.process.poll() is not None

    def leave(self) -> None:
        """Have a minute go by, after which what a dead publisher has in hand is taken over."""
        os.utime(self.claims / ".beat", (0, 0))


class WatchedFolder:
    """A folder, and the contents of the files that have fallen into it."""

    def __init__(self, system: System, path: Path) -> None:
        self.path = path
        self._system = system
        self._dropped: list[bytes] = []
        path.mkdir(exist_ok=True)
        system.environment["PUBLISHER_FOLDER"] = str(path)

    def watch(self) -> Watcher:
        """Start a publisher; return once it has looked at the folder."""
        before = {*self._claims()}
        service = self._system.start("publisher")
        service.wait_until_ready()
        eventually(lambda: {*self._claims()} - before)
        (claims,) = {*self._claims()} - before
        return Watcher(service, claims)

    def drop(self, name: str, reports: Iterable[Report]) -> None:
        """Let a file of reports fall into the folder, whole."""
        self.prepare(name, b"".join(report.line for report in reports))
        self.complete(name)

    def prepare(self, name: str, content: bytes) -> None:
        """Write a file that is still left alone, so that it takes no more room later."""
        (self.path / f"{name}.part").write_bytes(content)
        self._dropped.append(content)

    def complete(self, name: str) -> None:
        """Rename into place what was prepared."""
        (self.path / f"{name}.part").rename(self.path / name)

    def append(self, file: Path, reports: Iterable[Report]) -> None:
        """Write on to the last file that has fallen into the folder, wherever it is by now."""
        more = b"".join(report.line for report in reports)
        with file.open("ab") as writing:
            writing.write(more)
        self._dropped[-1] += more

    def wait_until_done(self) -> None:
        """Wait until each file is in done/, once, as it was; none has failed, nor is in hand.

        A publisher that is killed as it moves a file leaves an empty one of that name.
        """
        eventually(lambda: self._in("done") == sorted(self._dropped), 120)
        assert self._in("failed") == []
        assert self._in(".claims/*") == []

    def _in(self, where: str) -> list[bytes]:
        files = [each for each in self.path.glob(f"{where}/[!.]*") if each.suffix != ".jsonl"]
        contents = [each.read_bytes() for each in files]
        return sorted(content for content in contents if content)

    def _claims(self) -> Iterable[Path]:
        return self.path.glob(".claims/*")
