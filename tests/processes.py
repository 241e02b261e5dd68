"""Processes of our programs that start at once.

Of a start, two seconds of the processor go into importing other people's libraries. A server has
imported them once, and each process is forked from it: the standard library's fork server. Our own
modules it has not imported, so a process reads its settings and wires itself as any other does.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

_LIBRARIES = (
    "aiosqlite",
    "alembic.command",
    "asyncpg",
    "fastapi",
    "faststream._internal.cli.main",
    "faststream.asgi",
    "faststream.rabbit",
    "faststream.specification.asyncapi",
    "httptools",
    "jwt",
    "msgspec",
    "pydantic_settings",
    "sqlmodel",
    "sqlalchemy.ext.asyncio",
    "stamina",
    "typer",
    "uvicorn",
    "uvloop",
)


class ModuleProcess:
    """`python -m MODULE ARGUMENTS` in a process of its own, with what Popen's user looks for.

    ``environment`` is added to this process's own; the output, errors with it unless they have
    a file of their own, is added to a file.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: Path | str = os.devnull,
        stdout: Path,
        stderr: Path | None = None,
    ) -> None:
        files = (str(stdin), str(stdout), str(stderr or stdout))
        self._process = _fork_server().Process(
            target=_run_module,
            args=(module, list(arguments), {**os.environ, **environment}, files),
            # What a broken test leaves running ends with the tests.
            daemon=True,
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The status once it has ended, as Popen has it: negative for a signal."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        assert self.returncode is not None, f"it goes on after {timeout} s"
        return self.returncode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def run_module(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: bytes = b"",
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` to its end, some seconds away, and keep what it writes."""
    with TemporaryDirectory() as folder:
        given, output, errors = (Path(folder, name) for name in ("stdin", "stdout", "stderr"))
        given.write_bytes(stdin)
        process = ModuleProcess(
            module, arguments, environment, stdin=given, stdout=output, stderr=errors
        )
        status = process.wait(timeout)
        return subprocess.CompletedProcess(
            [module, *arguments], status, output.read_text(), errors.read_text()
        )


def run_together(function: Callable[..., None], *arguments: object, processes: int) -> list[int]:
    """Call a module's function in several processes at once; return their statuses, 0 for good."""
    running = [
        _fork_server().Process(target=function, args=arguments, daemon=True)
        for _ in range(processes)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    statuses = [process.exitcode for process in running if process.exitcode is not None]
    assert len(statuses) == processes, "one goes on after 60 s"
    return statuses


def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LIBRARIES))
    return context


def _run_module(
    module: str, arguments: list[str], environment: dict[str, str], files: tuple[str, str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(files[0], os.O_RDONLY), 0)
    for descriptor, file in enumerate(files[1:], start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    # multiprocessing gives a process another standard input, and ignores this signal.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - open as long as the process lives
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [module, *arguments]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(module, run_name="__main__", alter_sys=True)
