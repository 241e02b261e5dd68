"""The generated password is strong, survives an upgrade, and is never `guest`."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.chart.cluster import rendered_over_secret
from tests.chart.helm import Manifest, pick, render

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
