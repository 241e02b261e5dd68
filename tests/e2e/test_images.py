"""The images from the real Dockerfiles."""

import json
import shutil
from pathlib import Path

import pytest

from runtime.version import VERSION
from tests.e2e.docker import ROOT, Docker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

_BOTH = pytest.mark.parametrize(
    ("service", "other"), [("consumer", "publisher"), ("publisher", "consumer")]
)


@_BOTH
def test_an_image_holds_what_its_service_needs_and_no_more(
    docker: Docker, images: dict[str, str], service: str, other: str
) -> None:
    listing = docker.run("run", "--rm", images[service], "ls", "/app").split()
    assert f"{service}_app" in listing
    assert f"{other}_app" not in listing
    assert "tests" not in listing


@_BOTH
def test_an_image_holds_what_its_pages_load(
    docker: Docker, images: dict[str, str], service: str, other: str
) -> None:
    del other
    listing = docker.run("run", "--rm", images[service], "ls", "/app/runtime/http/static").split()
    assert {"react-component", "swagger-ui-dist"} <= set(listing)


def test_the_publishers_image_holds_neither_a_database_driver_nor_pip(
    docker: Docker, images: dict[str, str]
) -> None:
    folder = "import sysconfig, os; print(*os.listdir(sysconfig.get_path('purelib')))"
    packages = docker.run("run", "--rm", images["publisher"], "python", "-c", folder).split()
    assert "faststream" in packages
    assert not {"sqlalchemy", "aiosqlite", "asyncpg", "pip"} & set(packages)


@_BOTH
def test_an_image_starts_its_service_without_a_shell_as_a_user_by_number(
    docker: Docker, images: dict[str, str], service: str, other: str
) -> None:
    del other
    [facts] = json.loads(docker.run("image", "inspect", images[service]))
    assert facts["Config"]["User"] == "10001:10001"
    assert facts["Config"]["Cmd"][:3] == ["faststream", "run", f"{service}_app.main:app"]
    assert facts["Config"]["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert facts["Config"]["Labels"]["org.opencontainers.image.version"] == VERSION


def test_the_code_is_compiled_and_only_the_volume_can_be_written(
    docker: Docker, images: dict[str, str]
) -> None:
    run = ["run", "--rm", images["consumer"]]
    for folder in ("/app/consumer_app", "/opt/venv/lib/python3.14/site-packages/faststream"):
        assert ".pyc" in docker.run(*run, "ls", f"{folder}/__pycache__")
    assert "Permission denied" in docker.run(*run, "touch", "/app/new", check=False)
    docker.run(*run, "touch", "/data/new")


def test_a_change_of_code_installs_no_dependency_again(
    docker: Docker, images: dict[str, str], tmp_path: Path
) -> None:
    single_files = (".dockerignore", ".npmrc", "package.json", "package-lock.json")
    for name in ("contracts", "runtime", "pages", "consumer_app", *single_files):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "consumer_app" / "main.py").write_text("changed = True\n")

    dockerfile = str(tmp_path / "consumer_app" / "Dockerfile")
    report = docker.build("medication-periods-consumer:changed", tmp_path, "--file", dockerfile)

    assert images["consumer"]
    assert f"{_step(report, 'pip --python')} CACHED\n" in report
    assert f"{_step(report, 'compileall')} CACHED\n" not in report


def _step(report: str, command: str) -> str:
    """Return the number, such as #9, under which the builder reports on a command."""
    return next(line.split()[0] for line in report.splitlines() if command in line)


def test_the_default_database_is_on_the_volume(docker: Docker, images: dict[str, str]) -> None:
    """No variable says so: one would win over a file of SECRETS_DIR."""
    folder = "import os; print(os.path.realpath('data'))"
    assert docker.run("run", "--rm", images["consumer"], "python", "-c", folder).strip() == "/data"
