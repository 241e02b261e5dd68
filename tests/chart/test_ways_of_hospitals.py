"""HL7 v2 by MLLP and a watched folder reach the publishers, and nobody else comes in with them."""

import re
from typing import Any

import pytest
import yaml

from publisher_app.settings import PublisherSettings
from tests.chart.helm import ROOT, Manifest, Refused, pick, pods, render
from tests.chart.modes import MODES

BOTH = MODES["HL7 v2 and a folder"]
CERTIFICATES = MODES["HL7 v2 from senders with certificates"]


def variables(pod: Manifest) -> dict[str, Any]:
    (container,) = pod["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def mounts(pod: Manifest) -> dict[str, str]:
    (container,) = pod["containers"]
    return {each["name"]: each["mountPath"] for each in container["volumeMounts"]}


def rules(manifests: list[Manifest], port: str) -> list[Manifest]:
    policy = pick(manifests, "NetworkPolicy", "publisher")
    return [each for each in policy["spec"]["ingress"] if each["ports"] == [{"port": port}]]


def test_without_a_word_nothing_listens_and_no_folder_is_watched() -> None:
    manifests = render()
    told = variables(pods(manifests)["publisher"])
    assert not [name for name in told if "MLLP" in name or "FOLDER" in name]
    assert rules(manifests, "mllp") == []
    assert not [each for each in manifests if each["metadata"]["name"].endswith("-mllp")]


def test_a_service_of_its_own_leads_to_the_port_that_the_pods_listen_on() -> None:
    manifests = render(BOTH | {"publisher.mllp.service.port": 6661})
    pod = pods(manifests)["publisher"]
    (container,) = pod["containers"]
    (port,) = (each["containerPort"] for each in container["ports"] if each["name"] == "mllp")
    assert variables(pod)["PUBLISHER_MLLP_PORT"] == str(port)
    service = pick(manifests, "Service", "publisher-mllp")
    assert service["spec"]["ports"] == [{"name": "mllp", "port": 6661, "targetPort": "mllp"}]
    assert (
        service["spec"]["selector"] == pick(manifests, "Service", "publisher")["spec"]["selector"]
    )
    # The pods have to see who sends.
    assert service["spec"]["externalTrafficPolicy"] == "Local"


def test_the_service_and_the_policy_let_the_same_networks_send() -> None:
    manifests = render(BOTH)
    told = variables(pods(manifests)["publisher"])["PUBLISHER_MLLP_ALLOW"].split(",")
    (rule,) = rules(manifests, "mllp")
    assert (
        [each["ipBlock"]["cidr"] for each in rule["from"]] == told == ["10.1.2.0/24", "10.9.0.7/32"]
    )


def test_senders_with_certificates_may_come_from_anywhere() -> None:
    manifests = render(CERTIFICATES)
    pod = pods(manifests)["publisher"]
    told = variables(pod)
    assert "PUBLISHER_MLLP_ALLOW" not in told
    files = {
        told[f"PUBLISHER_MLLP_TLS_{name}"] for name in ("CERTIFICATE", "KEY", "CLIENT_AUTHORITY")
    }
    assert files == {f"{mounts(pod)['mllp']}/{name}" for name in ("tls.crt", "tls.key", "ca.crt")}
    (volume,) = (each for each in pod["volumes"] if each["name"] == "mllp")
    assert volume["secret"]["secretName"] == "mllp-certificate"
    (rule,) = rules(manifests, "mllp")
    assert "from" not in rule


@pytest.mark.parametrize(
    "values",
    [
        {"publisher.mllp.enabled": True},
        CERTIFICATES | {"publisher.mllp.tls.clientCertificates": False},
    ],
)
def test_a_listener_for_whoever_comes_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="name who may send"):
        render(values)


def test_all_pods_watch_the_claim_that_is_named() -> None:
    pod = pods(render(BOTH))["publisher"]
    told = variables(pod)
    assert told["PUBLISHER_FOLDER"] == mounts(pod)["folder"]
    assert told["PUBLISHER_FOLDER_POLLING"] == "true"
    (volume,) = (each for each in pod["volumes"] if each["name"] == "folder")
    assert volume["persistentVolumeClaim"]["claimName"] == "exports"


def test_the_job_of_a_file_neither_listens_nor_watches() -> None:
    told = variables(pods(render(BOTH | MODES["file from a claim"]))["publish-file"])
    assert not [name for name in told if "MLLP" in name or "FOLDER" in name]


def added_by(file: str) -> dict[str, Any]:
    """Give what a file of compose adds to the publisher, and to nothing else."""
    (added,) = yaml.safe_load((ROOT / file).read_text())["services"].items()
    assert added[0] == "publisher"
    service: dict[str, Any] = added[1]
    return service


def test_in_compose_the_port_that_is_published_is_the_one_that_is_listened_on() -> None:
    added = added_by("docker-compose.mllp.yaml")
    (port,) = added["ports"]
    assert port.endswith(f":{added['environment']['PUBLISHER_MLLP_PORT']}")
    # As the other ports, which are this machine's alone by default.
    assert port.startswith("${BIND_ADDRESS:-127.0.0.1}:")


def test_in_compose_nothing_listens_before_it_is_named_who_may_send() -> None:
    allowed = added_by("docker-compose.mllp.yaml")["environment"]["PUBLISHER_MLLP_ALLOW"]
    assert allowed.startswith("${PUBLISHER_MLLP_ALLOW:?")


def test_in_compose_the_folder_that_is_mounted_is_the_one_that_is_watched() -> None:
    added = added_by("docker-compose.folder.yaml")
    (volume,) = added["volumes"]
    source, target = volume.rsplit(":", 1)
    assert target == added["environment"]["PUBLISHER_FOLDER"]
    assert source.startswith("${PUBLISHER_FOLDER:?")


@pytest.mark.parametrize("file", ["docker-compose.mllp.yaml", "docker-compose.folder.yaml"])
def test_what_compose_sets_is_a_setting_and_what_it_asks_for_is_shown(file: str) -> None:
    settings = {f"PUBLISHER_{name.upper()}" for name in PublisherSettings.model_fields}
    assert added_by(file)["environment"].keys() <= settings
    asked = {*re.findall(r"\$\{(\w+)", (ROOT / file).read_text())}
    shown = (ROOT / ".env").read_text()
    assert [name for name in asked if f"# {name}=" not in shown] == []
