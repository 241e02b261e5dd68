"""Generated passwords are strong and survive upgrades; rights are few.

The publisher's and the consumer's pods read the passwords, and PostgreSQL's, from files.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from contracts.definitions import definitions
from runtime.settings import SECRETS_DIR
from tests.chart.cluster import rendered_over_secret
from tests.chart.helm import ROOT, Manifest, pick, pods, render, secret_files
from tests.chart.modes import ADDRESSES, MODES, POSTGRESQL
from tests.rights import documented

_NAME = "medication-periods-rabbitmq"
_USERS = ["medication", "publisher", "consumer"]
_PASSWORDS = ["password", "publisher-password", "consumer-password"]


def _secret(manifests: list[Manifest]) -> dict[str, str]:
    content: dict[str, str] = pick(manifests, "Secret", "rabbitmq")["stringData"]
    return content


def test_each_installation_gets_passwords_of_its_own() -> None:
    # Two renderings that differ in nothing that matters, as equal ones are made once.
    secrets = [_secret(render({"consumer.prefetch": n})) for n in (1, 2)]
    passwords = {secret[key] for secret in secrets for key in _PASSWORDS}
    assert len(passwords) == 2 * len(_PASSWORDS)
    assert all(len(password) == 32 for password in passwords)


def test_the_url_holds_the_credentials_whatever_is_in_them() -> None:
    secret = _secret(render({"rabbitmq.auth.password": "a/b@c d"}))
    assert quote("a/b@c", safe="") in secret["url"]
    assert " " not in secret["url"]


def test_the_url_can_be_reached_from_another_namespace_as_keda_does() -> None:
    url = _secret(render({}, "--namespace", "ward-3"))["url"]
    assert urlsplit(url).hostname == f"{_NAME}.ward-3.svc"


@pytest.mark.parametrize("known", [_PASSWORDS, ["password"]], ids=["three users", "one, as before"])
def test_an_upgrade_keeps_the_passwords_and_makes_those_that_are_missing(
    known: list[str], tmp_path: Path
) -> None:
    kept = {key: f"{key}-of-the-install" for key in known}
    secret = _secret(rendered_over_secret(_NAME, {"username": "medication", **kept}, tmp_path))
    assert secret | kept == secret
    assert all(secret[key] for key in _PASSWORDS)


def test_the_three_users_have_the_documented_rights_and_none_is_an_administrator() -> None:
    secret = _secret(render())
    loaded = json.loads(secret["users.json"])
    passwords = dict(zip(_USERS, (secret[key] for key in _PASSWORDS), strict=True))

    assert {user["name"]: user["password"] for user in loaded["users"]} == passwords
    assert {user["name"]: user["tags"] for user in loaded["users"]} == {
        "medication": ["monitoring"],
        "publisher": [],
        "consumer": [],
    }
    assert _rights(loaded) == dict(zip(_USERS, documented().values(), strict=True))
    for service in ("publisher", "consumer"):
        url = urlsplit(secret[f"{service}-url"])
        assert (url.username, url.password) == (service, passwords[service])


def _rights(loaded: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    assert {each["vhost"] for each in loaded["permissions"]} == {"/"}
    return {
        each["user"]: (each["configure"], each["write"], each["read"])
        for each in loaded["permissions"]
    }


def test_rabbitmq_loads_what_the_services_would_declare() -> None:
    config = pick(render(), "ConfigMap", "rabbitmq")["data"]
    assert json.loads(config["topology.json"]) == definitions(), "run `make docs`"
    assert "load_definitions = /etc/rabbitmq/definitions" in config["rabbitmq.conf"]

    pod = pick(render(), "StatefulSet", "rabbitmq")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    loaded = [
        item["path"]
        for source in volumes["config"]["projected"]["sources"]
        for item in next(iter(source.values()))["items"]
        if item["path"].startswith("definitions/")
    ]
    assert sorted(loaded) == ["definitions/1-users.json", "definitions/2-topology.json"]
    assert "env" not in pod["containers"][0]


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
                if container["name"] not in {"rabbitmq", "wait-for-consumer"}:
                    yield container, pod


@pytest.mark.parametrize("mode", MODES)
def test_each_secret_is_a_file_that_the_container_reads_unless_a_variable_takes_its_place(
    mode: str,
) -> None:
    for container, pod in _ours(MODES[mode]):
        variables = {each["name"]: each for each in container["env"]}
        own = {name for name, each in variables.items() if "valueFrom" in each}
        assert all(each in ADDRESSES for each in container["env"] if each["name"] in own)
        mounts = [each for each in container["volumeMounts"] if "secrets" in each["name"]]
        if SECRETS_DIR in variables:
            folder = variables[SECRETS_DIR]["value"]
            assert mounts == [{"name": "secrets", "mountPath": folder, "readOnly": True}]
            # A variable would win.
            assert secret_files(pod)
            assert not secret_files(pod).keys() & variables.keys()
        else:
            # It has addresses of its own, or migrates a SQLite file: no setting is a file, and a
            # folder without any would be refused.
            assert not mounts or secret_files(pod).keys() == {"AUDIT_KEY"}
            assert own or container["name"] == "migrate"


def test_a_pod_with_an_address_of_its_own_does_not_wait_for_the_secret_of_that() -> None:
    """A pod does not start until each secret is there that a volume of it names."""
    rendered = pods(render(MODES["addresses of one's own"]))
    for name in ("publisher", "migrations", "publish-file"):
        assert "secrets" not in [volume["name"] for volume in rendered[name]["volumes"]]
    for name in ("consumer", "answering"):
        assert secret_files(rendered[name]).keys() == {"AUDIT_KEY"}

    rendered = pods(render(MODES["address of the database of one's own"]))
    # The audit is in the same database.
    assert secret_files(rendered["consumer"]).keys() == {"RABBITMQ_URL", "AUDIT_KEY"}
    assert secret_files(rendered["publisher"]).keys() == {"RABBITMQ_URL"}


@pytest.mark.parametrize("text", ["123", "true", "null"])
def test_a_secret_and_its_key_are_texts_whatever_they_look_like(text: str) -> None:
    values = {"database.existingSecret": text, "database.existingSecretKey": text}
    consumer = pods(render(POSTGRESQL | values))["consumer"]
    assert secret_files(consumer)["DATABASE_URL"] == {"name": text, "key": text}


@pytest.mark.parametrize("service", ["consumer", "publisher"])
def test_an_image_sets_none_of_the_variables_that_would_win_over_a_secret(service: str) -> None:
    dockerfile = (ROOT / f"{service}_app" / "Dockerfile").read_text()
    for setting in ("RABBITMQ_URL", "DATABASE_URL"):
        assert f"{setting}=" not in dockerfile
