"""The project's compose file, brought up beside whatever else runs."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from local.ports import free_port
from tests.e2e.docker import ROOT, Docker

Event = dict[str, str]
Period = tuple[str, str, str | None]


class Compose:
    """One project of docker compose, with ports of its own."""

    def __init__(self, docker: Docker, profile: str | None, folder: Path) -> None:
        self._docker = docker
        self._folder = folder
        first = free_port()
        self._environment = {
            "COMPOSE_PROJECT_NAME": f"medication-periods-e2e-{os.getpid()}",
            "TAG": "e2e",
            "CONSUMER_PORT": str(free_port()),
            "CONSUMER_PORTS": f"{first}-{first + 9}",
            "ANSWERING_PORTS": f"{first + 10}-{first + 19}",
            "PUBLISHER_PORT": str(free_port()),
            "RABBITMQ_MANAGEMENT_PORT": str(free_port()),
        }
        self._options = ("--profile", profile) if profile else ()

    def run(self, *arguments: str) -> str:
        """Run ``docker compose``."""
        command = ("compose", *self._options, *arguments)
        return self._docker.run(*command, folder=self._folder, environment=self._environment)

    def up(self, *options: str) -> None:
        """Bring all services up and wait until they are healthy."""
        self.run("up", "--build", "--detach", *options)
        # Compose takes one that has done its work and ended for one that has failed.
        self.run("up", "--detach", "--no-recreate", "--wait", *options, *self.services())

    def down(self) -> None:
        """Remove everything, the volumes too."""
        self.run("--profile", "*", "down", "--volumes", "--timeout", "30")

    def services(self) -> list[str]:
        """Name the services of the profile that stay."""
        return [name for name in self.run("config", "--services").split() if name != "declare"]

    def facts(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine knows of a service's containers, the stopped ones too."""
        containers = self.run("ps", "--all", "--quiet", service).split()
        facts: list[dict[str, Any]] = json.loads(self._docker.run("inspect", *containers))
        return facts

    def crash(self, service: str) -> None:
        """Kill the main process of a service's first container, as running out of memory would.

        ``docker kill`` would not do: Docker leaves what a user has killed as it is.
        """
        pid = self.facts(service)[0]["State"]["Pid"]
        host = ("run", "--rm", "--pid", "host", "--user", "0", "medication-periods-consumer:e2e")
        self._docker.run(*host, "python", "-c", f"import os; os.kill({pid}, 9)")

    def addresses(self, service: str) -> list[str]:
        """Return the base URLs under which the running containers of a service are published."""
        ports = set()
        for line in self.run("ps", "--format", "json", service).splitlines():
            published = json.loads(line)["Publishers"] or []
            ports |= {each["PublishedPort"] for each in published if each["PublishedPort"]}
        return [f"http://127.0.0.1:{port}" for port in sorted(ports)]

    def publish(self, events: Sequence[Event]) -> None:
        """Post events until they are confirmed: repeating is always safe."""

        def posted() -> bool:
            for publisher in self.addresses("publisher"):
                answer = httpx.post(f"{publisher}/events", json=list(events), timeout=60)
                return answer.status_code == httpx.codes.ACCEPTED
            return False

        eventually(posted)


@contextmanager
def brought_up(
    docker: Docker, profile: str | None = None, folder: Path = ROOT, options: Sequence[str] = ()
) -> Iterator[Compose]:
    """Have everything up for as long as the context lasts."""
    compose = Compose(docker, profile, folder)
    try:
        compose.up(*options)
        yield compose
    except BaseException:
        print(compose.run("logs", "--tail", "40"))
        raise
    finally:
        compose.down()


def periods_at(address: str, patient_id: str) -> list[Period]:
    """Ask a consumer for a patient's periods."""
    answer = httpx.get(f"{address}/periods", params={"patient_id": patient_id}, timeout=30)
    periods = answer.raise_for_status().json()["periods"]
    return [(each["medication_name"], each["start"], each["end"]) for each in periods]


def eventually(holds: Callable[[], Any], seconds: float = 120) -> None:
    """Wait until something holds; let its last word be the failure."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"did not hold within {seconds:.0f} s"
        time.sleep(0.3)
