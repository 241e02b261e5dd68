"""The generated password is strong, survives an upgrade, and stands in no variable."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from runtime.settings import SECRETS_DIR
from tests.chart.cluster import rendered_over_secret
from tests.chart.helm import ROOT, Manifest, pick, render, secret_files
from tests.chart.modes import MODES

_NAME = "medication-periods-rabbitmq"


def _secret(manifests: list[Manifest]) -> dict[str, str]:
    content: dict[str, str] = pick(manifests, "Secret", "rabbitmq")["stringData"]
    return content


def test_each_installation_gets_a_password_of_its_own() -> None:
    # Two renderings that differ in nothing that matters, as equal ones are made once.
    passwords = {_secret(render({"consumer.prefetch": n}))["password"] for n in (1, 2)}
    assert len(passwords) == 2
    assert all(len(password) == 32 for password in passwords)


def test_the_url_holds_the_credentials_whatever_is_in_them() -> None:
    secret = _secret(render({"rabbitmq.auth.password": "a/b@c d"}))
    assert quote("a/b@c", safe="") in secret["url"]
    assert " " not in secret["url"]


def test_the_url_can_be_reached_from_another_namespace_as_keda_does() -> None:
    url = _secret(render({}, "--namespace", "ward-3"))["url"]
    assert urlsplit(url).hostname == f"{_NAME}.ward-3.svc"


def test_an_upgrade_keeps_the_password(tmp_path: Path) -> None:
    kept = {"username": "medication", "password": "of-the-install"}
    assert _secret(rendered_over_secret(_NAME, kept, tmp_path))["password"] == "of-the-install"


def test_an_existing_secret_is_used_by_name_and_none_is_made() -> None:
    manifests = render({"rabbitmq.auth.existingSecret": "broker"})
    names = [each["metadata"]["name"] for each in manifests if each["kind"] == "Secret"]
    assert names == ["medication-periods-access"]
    container = pick(manifests, "StatefulSet", "rabbitmq")["spec"]["template"]["spec"]["containers"]
    assert {variable["valueFrom"]["secretKeyRef"]["name"] for variable in container[0]["env"]} == {
        "broker"
    }


def _ours(values: dict[str, Any]) -> Iterator[tuple[Manifest, Manifest]]:
    """Yield each container that has settings of ours, with its pod."""
    for manifest in render(values):
        if manifest["kind"] in {"Deployment", "StatefulSet", "Job"}:
            pod = manifest["spec"]["template"]["spec"]
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                if container["name"] != "rabbitmq":
                    yield container, pod


@pytest.mark.parametrize("mode", MODES)
def test_each_secret_is_a_file_that_the_container_reads_and_no_variable(mode: str) -> None:
    for container, pod in _ours(MODES[mode]):
        variables = {each["name"]: each.get("value") for each in container["env"]}
        assert "secretKeyRef" not in json.dumps(container["env"])
        mounts = [each for each in container["volumeMounts"] if each["name"] == "secrets"]
        if SECRETS_DIR in variables:
            assert mounts == [
                {"name": "secrets", "mountPath": variables[SECRETS_DIR], "readOnly": True}
            ]
            # A variable would win.
            assert secret_files(pod)
            assert not secret_files(pod).keys() & variables.keys()
        else:
            # It migrates a SQLite file, and so is told of nothing secret.
            assert (container["name"], mounts) == ("migrate", [])


@pytest.mark.parametrize("service", ["consumer", "publisher"])
def test_an_image_sets_none_of_the_variables_that_would_win_over_a_secret(service: str) -> None:
    dockerfile = (ROOT / f"{service}_app" / "Dockerfile").read_text()
    for setting in ("RABBITMQ_URL", "DATABASE_URL"):
        assert f"{setting}=" not in dockerfile
