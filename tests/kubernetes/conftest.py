import os
import shlex
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.version import VERSION
from tests.chart.helm import ROOT
from tests.e2e.base_images import used_images
from tests.e2e.docker import NoEngine
from tests.e2e.engine import build_images, engine
from tests.kubernetes.cluster import NAME, Namespace, Release, Values, namespace, why_not

Tell = Callable[[str, str], None]
"""Adds a row to the table at the end: what was done, and what came of it."""

_POSTGRESQL: Values = {
    "database.type": "postgresql",
    "database.existingSecret": "database",
    "consumer.replicas": 3,
}
_FILE: Values = {"publisher.file.enabled": True, "publisher.file.configMap": "events"}
_MODES: dict[str, Values] = {"SQLite": _FILE, "PostgreSQL": _FILE | _POSTGRESQL}
_TABLE = pytest.StashKey[list[tuple[str, ...]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.kubernetes)
        item.add_marker(pytest.mark.timeout(1800))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, pytest.TestReport]:
    """Show what the cluster tells when a test has failed."""
    report: pytest.TestReport = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Release):
                report.sections.append((value.mode, value.namespace.describe()))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if rows := config.stash[_TABLE]:
        terminalreporter.write_line("\n| mode | what was done | what came of it |\n|---|---|---|")
        for row in rows:
            terminalreporter.write_line(f"| {' | '.join(row)} |")


@pytest.fixture(scope="session")
def tag(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the tag of the images that the cluster has, or gets here."""
    if reason := why_not():
        pytest.skip(reason)
    load = os.environ.get("KUBERNETES_LOAD")
    if not load:
        return VERSION
    archive = tmp_path_factory.mktemp("images") / "images.tar"
    try:
        _build("kubernetes", archive)
    except NoEngine as none:
        pytest.skip(str(none))
    subprocess.run([*shlex.split(load), archive], check=True)
    archive.unlink()
    return "kubernetes"


def _build(tag: str, archive: Path) -> None:
    """Put the project's images into an archive, and of those beside them what the engine has."""
    with engine() as docker:
        own = build_images(docker, tag).values()
        beside = [each for each in used_images(docker) if docker.run("images", "--quiet", each)]
        docker.run("save", "--output", str(archive), *own, *beside)


@pytest.fixture(scope="session")
def images(tag: str) -> dict[str, str]:
    """Name the images that the tests run themselves."""
    compose = (ROOT / "consumer_app" / "docker-compose.yaml").read_text()
    postgres = next(line.split()[1] for line in compose.splitlines() if "image: postgres" in line)
    return {"client": f"{NAME}-publisher:{tag}", "postgres": postgres}


@pytest.fixture(scope="session", params=_MODES)
def release(request: pytest.FixtureRequest, tag: str, images: dict[str, str]) -> Iterator[Release]:
    """Install the chart in one of its modes; each test leaves it as it was."""
    with namespace(images["client"]) as made:
        events = f"--from-file={ROOT / 'examples' / 'events.jsonl'}"
        made.kubectl("create", "configmap", "events", events)
        values = _MODES[request.param]
        if "database.type" in values:
            made.apply("postgres.yaml", images["postgres"])
            made.kubectl("rollout", "status", "statefulset/postgres", "--timeout=180s")
        installed = Release(made, request.param, {"images.tag": tag} | values)
        began = time.monotonic()
        installed.change({})
        took = f"ready after {time.monotonic() - began:.0f} s"
        request.config.stash[_TABLE].append((request.param, "installed", took))
        yield installed


@pytest.fixture
def elsewhere(images: dict[str, str]) -> Iterator[Namespace]:
    """Give another namespace, with a client of its own."""
    with namespace(images["client"]) as made:
        yield made


@pytest.fixture
def tell(request: pytest.FixtureRequest, release: Release) -> Tell:
    def add(done: str, found: str) -> None:
        request.config.stash[_TABLE].append((release.mode, done, found))

    return add
