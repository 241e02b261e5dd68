"""The services as processes of their own, as their users run them."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from local.ports import free_port
from tests.certificates import Certificate
from tests.processes import ModuleProcess

PATIENCE_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}
"""What a body that is written by hand is sent with."""


class ServiceProcess:
    """A service as its user runs it.

    ``app`` is another app than the service's own, ``wrapper`` a command to run it under, ``port``
    that of a service which ran before, ``host`` the address at which it listens besides 127.0.0.1,
    ``options`` more of FastStream's own. ``https`` is the certificate that it serves, and
    the authority by which it is known. ``anew`` is for who
    measures it: it takes nothing over from a process that has imported its libraries.
    """

    def __init__(  # noqa: PLR0913 - few need more than three
        self,
        name: str,
        environment: Mapping[str, str],
        folder: Path,
        *,
        app: str | None = None,
        wrapper: Sequence[str] = (),
        port: int | None = None,
        host: str = "127.0.0.1",
        options: Sequence[str] = (),
        https: tuple[Certificate, Certificate] | None = None,
        anew: bool = False,
    ) -> None:
        self._name = name
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.trust: ssl.SSLContext | bool = True
        if https is not None:
            own, authority = https
            self.url = f"https://127.0.0.1:{self.port}"
            self.trust = ssl.create_default_context(cafile=authority.file)
            options = [*options, "--ssl-certfile", str(own.file), "--ssl-keyfile", str(own.key)]
        self.log = folder / f"{name}-{self.port}.log"
        command = ["run", app or f"{name}_app.main:app", "--host", host]
        command += ["--port", str(self.port), *options]
        self.process: ModuleProcess | subprocess.Popen[bytes]
        if anew or wrapper or options:
            with self.log.open("ab") as output:
                self.process = subprocess.Popen(
                    [*wrapper, sys.executable, "-m", "faststream", *command],
                    env={**os.environ, **environment},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
        else:
            self.process = ModuleProcess("faststream", command, environment, stdout=self.log)

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return self.readiness() == {}

        eventually(ready)

    def readiness(self) -> dict[str, str] | None:
        """Return what readiness finds wrong, by part; None when nothing answers.

        A consumer is ready, too, while all that is wrong keeps it from receiving alone.
        """
        try:
            answer = httpx.get(f"{self.url}/health/ready", timeout=20, verify=self.trust)
        except httpx.TransportError:
            return None
        problems: dict[str, str] = answer.json()["problems"]
        hindering = (
            problems.keys() & {"database", "audit"} if self._name == "consumer" else problems
        )
        assert (answer.status_code == 200) == (not hindering)
        return problems

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


def eventually(condition: Callable[[], object], patience: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds, which it does as soon as it can."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"waited {patience} s in vain"
        time.sleep(0.1)
