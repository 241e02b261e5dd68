"""With a certificate the services serve HTTPS, and files of certificates reach who connects."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.helm import CHART, pick, pods, render, run_helm, settings
from tests.chart.modes import ANSWERING, TLS

_SERVICES = {
    "consumer": "consumer_app",
    "answering": "consumer_app",
    "publisher": "publisher_app",
}
_FILE = {"publisher.file.enabled": True, "publisher.file.configMap": "events"}


def _mounted(pod: dict[str, Any], name: str) -> tuple[str, str] | None:
    """Return the secret of a volume, and where it is; None where there is none."""
    volumes = [each for each in pod["volumes"] if each["name"] == name]
    mounts = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == name]
    if not volumes:
        assert not mounts
        return None
    [volume], [mount] = volumes, mounts
    assert mount["readOnly"] is True
    return volume["secret"]["secretName"], mount["mountPath"]


def _probes(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        yield pod["containers"][0][probe]["httpGet"]


@pytest.mark.parametrize("component", _SERVICES)
def test_a_service_with_a_certificate_is_started_and_probed_by_https(component: str) -> None:
    pod = pods(render(ANSWERING | TLS))[component]
    arguments = pod["containers"][0]["args"]
    assert arguments[:3] == ["faststream", "run", f"{_SERVICES[component]}.main:app"]
    assert arguments[-4:] == ["--ssl-certfile", "/tls/tls.crt", "--ssl-keyfile", "/tls/tls.key"]
    assert _mounted(pod, "tls") == ("certificate", "/tls")
    assert {each["scheme"] for each in _probes(pod)} == {"HTTPS"}


@pytest.mark.parametrize("component", _SERVICES)
def test_one_without_starts_as_its_image_says(component: str) -> None:
    pod = pods(render(ANSWERING))[component]
    assert "args" not in pod["containers"][0]
    assert _mounted(pod, "tls") is None
    assert not any("scheme" in each for each in _probes(pod))


def test_the_port_of_a_service_says_that_https_is_spoken() -> None:
    for values, told in ((ANSWERING | TLS, "https"), (ANSWERING, None)):
        manifests = render(values)
        for component in ("consumer", "receiving", "publisher"):
            [port] = pick(manifests, "Service", component)["spec"]["ports"]
            assert port.get("appProtocol") == told


def test_the_helm_test_asks_by_https_and_knows_the_authority() -> None:
    pod = pods(render(TLS))["test"]
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert variables["CONSUMER"] == "https://medication-periods-consumer:80"
    assert variables["PUBLISHER"] == "https://medication-periods-publisher:80"
    assert variables["SSL_CERT_FILE"] == "/tls/ca.crt"
    assert _mounted(pod, "tls") == ("certificate", "/tls")
    [volume] = pod["volumes"]
    assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}], "not the key"
    assert "optional" not in volume["secret"], "it would fail later, and say less"


def test_the_notes_ask_by_https() -> None:
    options = [*settings(TLS), "--dry-run=client"]
    notes = run_helm("install", "m", str(CHART), *options).partition("NOTES:")[2]
    asked = [line.split() for line in notes.splitlines() if line.startswith("  curl")]
    assert all(words[:3] == ["curl", "--cacert", "ca.crt"] for words in asked)
    assert "https://localhost:8001/events" in notes
    assert "http://localhost" not in notes
    assert "get secret certificate" in notes


def test_certificates_reach_all_who_connect_to_the_database_or_the_broker() -> None:
    everything = pods(render(ANSWERING | TLS | _FILE))
    for component in (*_SERVICES, "migrations", "publish-file"):
        assert _mounted(everything[component], "certificates") == ("authorities", "/certificates")
    for component, pod in pods(render(ANSWERING | _FILE)).items():
        if component != "rabbitmq":
            assert "certificates" not in {each["name"] for each in pod.get("volumes", [])}
