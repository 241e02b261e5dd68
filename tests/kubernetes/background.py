"""What the client does until it is told to stop, beside what is done to the release."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.kubernetes.cluster import Namespace

_numbers = count(1)


class Doing:
    """A command of the client's that goes on; what it has found is there when it has ended."""

    def __init__(self, name: str, found: "Future[Any]") -> None:
        self.name = name
        self._found = found

    @property
    def found(self) -> dict[str, int]:
        """Return what it printed."""
        found: dict[str, int] = self._found.result(timeout=300)
        return found


@contextmanager
def meanwhile(namespace: Namespace, command: str) -> Iterator[Doing]:
    """Have the client do something for as long as the context lasts."""
    name = f"{command}-{next(_numbers)}"
    with ThreadPoolExecutor(max_workers=1) as pool:
        doing = Doing(name, pool.submit(namespace.run, command, name))
        try:
            yield doing
        finally:
            namespace.run("stop", name)
