"""What can be said of the images and the compose files without building them."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local import run_broker
from publisher_app.__main__ import main
from runtime.settings import SECRETS_DIR
from tests.chart.helm import ROOT, pods, render

_SERVICES = ["consumer", "publisher"]


@pytest.mark.parametrize("service", _SERVICES)
def test_hadolint_finds_nothing(service: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    dockerfile = ROOT / f"{service}_app" / "Dockerfile"
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", _SERVICES)
def test_an_image_holds_no_code_of_the_other_service(service: str) -> None:
    other = _SERVICES[1 - _SERVICES.index(service)]
    assert f"{other}_app" not in (ROOT / f"{service}_app" / "Dockerfile").read_text()


def test_the_builds_see_what_they_copy_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    seen = [Path(line[1:]) for line in lines if line.startswith("!")]
    copied = [Path(source) for service in _SERVICES for _, source in _copies(service)]
    for source in copied:
        assert any(source.is_relative_to(each) for each in seen), source
    for each in seen:
        assert any(source.is_relative_to(each) for source in copied), each


@pytest.mark.parametrize("service", _SERVICES)
def test_the_script_that_gathers_the_pages_stays_in_its_stage(service: str) -> None:
    assert {stage for stage, source in _copies(service) if source.startswith("pages/")} == {
        "assets"
    }


def _copies(service: str) -> Iterator[tuple[str, str]]:
    """Yield what a Dockerfile copies out of the repository, with the stage that does."""
    stage = ""
    for line in (ROOT / f"{service}_app" / "Dockerfile").read_text().splitlines():
        match line.split():
            case ["FROM", _, "AS", name]:
                stage = name
            case ["FROM", *_]:
                stage = ""
            case ["COPY", *sources, _] if not sources[0].startswith("--from="):
                yield from ((stage, source) for source in sources)


def test_the_publishers_image_holds_no_database_driver() -> None:
    requirements = (ROOT / "publisher_app" / "requirements.txt").read_text()
    for package in ("sqlalchemy", "sqlmodel", "asyncpg", "aiosqlite", "alembic"):
        assert f"\n{package}==" not in requirements


@pytest.mark.parametrize("service", _SERVICES)
def test_what_is_in_an_image_is_pinned_by_hash(service: str) -> None:
    text = (ROOT / f"{service}_app" / "requirements.txt").read_text()
    for requirement in text.replace("\\\n", "").splitlines():
        if "==" in requirement:
            assert "--hash=sha256:" in requirement


def test_compose_passes_on_each_option_of_an_input_file() -> None:
    compose = yaml.safe_load((ROOT / "publisher_app" / "docker-compose.yaml").read_text())
    # The image says where the rejects go; who only checks a file needs no service.
    options = inspect.signature(main).parameters.keys() - {"files", "rejects", "check"}
    variables = {f"PUBLISHER_{name.strip('_').upper()}" for name in options}
    assert variables <= compose["services"]["publisher"]["environment"].keys()
    shown = (ROOT / ".env").read_text()
    assert [name for name in variables if f"# {name}=" not in shown] == []


@pytest.mark.parametrize("service", _SERVICES)
def test_temporary_files_take_no_memory_in_compose(service: str) -> None:
    compose = yaml.safe_load((ROOT / f"{service}_app" / "docker-compose.yaml").read_text())
    ours = [each for each in compose["services"].values() if "build" in each]
    assert ours
    for each in ours:
        assert each["read_only"]
        assert "tmpfs" not in each
        assert f"{service}-tmp:/tmp" in each["volumes"]


def test_compose_chart_and_make_run_take_the_same_rabbitmq() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.rabbitmq.yaml").read_text())
    chart = pods(render())["rabbitmq"]["containers"][0]["image"]
    assert compose["services"]["rabbitmq"]["image"] == chart == run_broker.IMAGE


class _Compose(yaml.SafeLoader):
    """Reads compose files, of which one takes out what another has set: ``!reset`` is null."""


_Compose.add_constructor("!reset", lambda *_: None)


_ADDRESSES = {"RABBITMQ_URL", "DATABASE_URL"}


def _services_of_ours() -> dict[str, dict[str, str]]:
    """Give the variables of each service of compose that is built here, in whatever profile."""
    return {
        name: service["environment"]
        for folder in _SERVICES
        for name, service in yaml.safe_load(
            (ROOT / f"{folder}_app" / "docker-compose.yaml").read_text()
        )["services"].items()
        if "build" in service
    }


@pytest.mark.parametrize("service", _services_of_ours())
def test_with_files_of_secrets_compose_sets_no_variable_that_would_win_over_them(
    service: str,
) -> None:
    text = (ROOT / "docker-compose.secrets.yaml").read_text()
    added = yaml.load(text, _Compose)["services"][service]
    base = _services_of_ours()[service]
    variables = base | added["environment"]

    assert set(added["secrets"]) >= base.keys() & _ADDRESSES
    assert [variables.get(name) for name in _ADDRESSES] == [None] * len(_ADDRESSES)
    assert variables[SECRETS_DIR] == "/run/secrets"
