"""All pods keep the restricted Pod Security Standard, and may reach only what they need."""

from collections.abc import Iterator

import pytest

from tests.chart.helm import Manifest, pick, pods, render
from tests.chart.modes import ANSWERING, EXISTING_BROKER, MODES, POSTGRESQL

_RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


def _all_pods() -> Iterator[tuple[str, Manifest]]:
    for mode, values in MODES.items():
        for component, pod in pods(render(values)).items():
            yield f"{component}, {mode}", pod


_PODS = dict(_all_pods())


def test_each_component_is_among_the_pods() -> None:
    assert {name.partition(",")[0] for name in _PODS} == {
        "answering",
        "consumer",
        "declare",
        "move",
        "publisher",
        "publish-file",
        "rabbitmq",
        "migrations",
        "test",
    }


@pytest.mark.parametrize("name", _PODS)
def test_a_pod_keeps_the_restricted_standard(name: str) -> None:
    pod = _PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["securityContext"].get("runAsUser", 1) > 0
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for volume in pod.get("volumes", []):
        assert volume.keys() - {"name"} <= _RESTRICTED_VOLUMES
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("name", _PODS)
def test_a_pod_has_no_token_a_read_only_root_and_bounded_memory(name: str) -> None:
    pod = _PODS[name]
    assert pod["automountServiceAccountToken"] is False
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]


def test_the_images_users_are_set_unless_the_platform_gives_its_own() -> None:
    assert pods(render())["consumer"]["securityContext"]["runAsUser"] == 10001
    assert pods(render())["rabbitmq"]["securityContext"]["runAsUser"] == 999
    given = pods(render({"setUser": False}))["consumer"]["securityContext"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & given.keys()


def _policy(manifests: list[Manifest], component: str) -> Manifest:
    spec: Manifest = pick(manifests, "NetworkPolicy", component)["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    return spec


def _ports(rules: list[Manifest]) -> set[int | str]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def _callers(rule: Manifest) -> set[str]:
    """Name the components that a rule lets in, without the clients of the values."""
    peers = [peer["podSelector"].get("matchLabels") for peer in rule["from"]]
    return {labels["app.kubernetes.io/component"] for labels in peers if labels}


def test_the_services_reach_names_the_broker_and_the_database_alone() -> None:
    manifests = render(POSTGRESQL)
    assert _ports(_policy(manifests, "consumer")["egress"]) == {53, 5672, 5432}
    # And the consumers, for whom publishers wait.
    assert _ports(_policy(manifests, "publisher")["egress"]) == {53, 5672, "http"}
    unwaiting = render(POSTGRESQL | {"publisher.waitForConsumer": False})
    assert _ports(_policy(unwaiting, "publisher")["egress"]) == {53, 5672}
    assert _ports(_policy(manifests, "migrations")["egress"]) == {53, 5432}
    assert _ports(_policy(render(), "consumer")["egress"]) == {53, 5672}


def test_who_only_answers_reaches_the_database_and_is_reached_by_http_alone() -> None:
    manifests = render(ANSWERING)
    assert _ports(_policy(manifests, "answering")["egress"]) == {53, 5432}
    ((answering,), (storing,)) = (
        _policy(manifests, component)["ingress"] for component in ("answering", "consumer")
    )
    assert answering["ports"] == storing["ports"] == [{"port": "http"}]
    assert _callers(answering) == {"test"}
    assert _callers(storing) == {"test", "publisher", "publish-file"}
    reached = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for peer in _policy(manifests, "test")["egress"][1]["to"]
    }
    assert reached == {"answering", "consumer", "publisher"}


def test_only_http_comes_into_the_services_and_only_they_reach_the_broker() -> None:
    manifests = render()
    assert _ports(_policy(manifests, "consumer")["ingress"]) == {"http"}
    broker = _policy(manifests, "rabbitmq")["ingress"]
    assert _ports(broker) == {"amqp"}
    callers = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for peer in broker[0]["from"]
    }
    assert callers == {"consumer", "move", "publisher", "publish-file"}


def test_helm_test_reaches_the_two_services_alone() -> None:
    rules = _policy(render(), "test")["egress"]
    assert _ports(rules) == {53, "http"}
    reached = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rules[1]["to"]
    }
    assert reached == {"consumer", "publisher"}


def test_an_existing_broker_is_reached_where_the_values_say() -> None:
    peers = [{"ipBlock": {"cidr": "10.1.0.0/16"}}]
    values = EXISTING_BROKER | {"networkPolicy.broker": {"port": 5671, "peers": peers}}
    rules = _policy(render(values), "consumer")["egress"]
    assert {"ports": [{"port": 5671}], "to": peers} in rules


def test_the_metrics_are_let_out_to_the_monitoring_alone() -> None:
    rules = _policy(render({"serviceMonitor.enabled": True}), "rabbitmq")["ingress"]
    monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    assert rules[1]["ports"] == [{"port": "prometheus"}]
    assert rules[1]["from"] == [{"namespaceSelector": monitoring}]
