"""An installed release, used while its pods are killed and while the broker is away."""

import json
import re
import time

import pytest

from tests.chart.helm import ROOT
from tests.kubernetes.background import meanwhile
from tests.kubernetes.cluster import NAME, Namespace, Release
from tests.kubernetes.conftest import Tell
from tests.services import eventually

_SAMPLE = re.compile(r"^\$ curl '\S+/periods\?patient_id=2'\n(.+)$", re.MULTILINE)
_RECEIVING = f"http://{NAME}-consumer/health/receiving"


def test_it_passes_helm_test(release: Release, tell: Tell) -> None:
    began = time.monotonic()
    release.helm("test", NAME)
    tell("`helm test`", f"passed in {time.monotonic() - began:.0f} s")


def test_the_job_publishes_its_file(release: Release, tell: Tell) -> None:
    release.wait_for_file()
    [answer] = _SAMPLE.findall((ROOT / "README.md").read_text())
    expected = json.loads(answer)["periods"]
    eventually(lambda: release.namespace.run("periods", "2") == expected)
    tell("a file published by the Job", "README's query is answered as it says")


def test_what_is_confirmed_is_stored_once_whatever_pod_is_killed(
    release: Release, tell: Tell
) -> None:
    namespace, killed = release.namespace, 0
    components = ["rabbitmq", "publisher", "consumer", "publisher", "consumer", "rabbitmq"]
    with meanwhile(namespace, "publish") as publishing:
        for component in components:
            for pod in release.pods(component):
                namespace.kubectl("delete", "pod", pod, "--grace-period=1")
                release.wait_for_workloads()
                killed += 1
    batches = publishing.found["batches"]
    found = namespace.run("stored", publishing.name, str(batches))
    assert batches > killed
    assert (found["lost"], found["doubled"]) == (0, 0)
    tell(
        f"{killed} pods killed one by one under load",
        f"{found['events']:,} events confirmed; {found['lost']} lost, {found['doubled']} doubled",
    )


def test_queries_are_answered_while_the_broker_is_away(release: Release, tell: Tell) -> None:
    namespace, broker = release.namespace, f"statefulset/{NAME}-rabbitmq"
    assert namespace.run("status", _RECEIVING) == 200
    try:
        namespace.kubectl("scale", broker, "--replicas=0")
        eventually(lambda: not release.pods("rabbitmq"))
        with meanwhile(namespace, "ask") as asking:
            eventually(lambda: namespace.run("status", _RECEIVING) == 503)
            # Longer than it takes a pod to turn unready: two checks, each with its time limit.
            time.sleep(30)
            assert all(release.pods("consumer").values())
    finally:
        namespace.kubectl("scale", broker, "--replicas=1")
    assert asking.found.keys() == {"answered"}, asking.found
    eventually(lambda: namespace.run("status", _RECEIVING) == 200, patience=180)
    release.wait_for_workloads()
    tell("RabbitMQ away for 30 s", f"{asking.found['answered']:,} queries, each answered")


def test_each_pod_reaches_what_it_needs_and_nothing_else(
    release: Release, elsewhere: Namespace, tell: Tell
) -> None:
    namespace = release.namespace
    _skip_unless_policies_are_enforced(namespace, elsewhere)
    web = {each: f"{NAME}-{each}.{namespace.name}:80" for each in ("consumer", "publisher")}
    amqp, page = (f"{NAME}-rabbitmq.{namespace.name}:{port}" for port in (5672, 15672))
    other = f"{_address(namespace)}:8080"
    # Not a pod's own service: what leads back to the pod itself, no policy keeps.
    consumer, publisher = (next(iter(release.pods(each))) for each in ("consumer", "publisher"))
    ways: list[tuple[Namespace, str, set[str], set[str]]] = [
        (namespace, "client", {*web.values(), amqp, page, other}, {*web.values(), other}),
        (elsewhere, "client", {*web.values(), amqp, page, other}, {other}),
        (namespace, consumer, {web["publisher"], amqp, page, other}, {amqp}),
        # It waits for consumers of its version before it publishes.
        (namespace, publisher, {web["consumer"], amqp, page, other}, {web["consumer"], amqp}),
    ]
    for where, pod, targets, allowed in ways:
        _wait_until_reached(where, pod, targets, allowed)
    tried = sum(len(targets) for _, _, targets, _ in ways)
    tell("who reaches what", f"{tried} ways tried, each as it should be")


def _wait_until_reached(where: Namespace, pod: str, targets: set[str], allowed: set[str]) -> None:
    """Wait until policies are in effect: until of the targets these are reached and no others."""
    deadline = time.monotonic() + 60
    while (found := where.run("reach", *targets, pod=pod)) != {
        target: target in allowed for target in targets
    }:
        assert time.monotonic() < deadline, f"from {pod}: {found}"


def _address(namespace: Namespace) -> str:
    return namespace.kubectl("get", "pod", "client", "-o", "jsonpath={.status.podIP}")


def _skip_unless_policies_are_enforced(namespace: Namespace, elsewhere: Namespace) -> None:
    target = f"{_address(elsewhere)}:8080"
    eventually(lambda: namespace.run("reach", target)[target])
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "nobody"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    elsewhere.kubectl("apply", "-f", "-", stdin=json.dumps(policy))
    try:
        eventually(lambda: not namespace.run("reach", target)[target])
    except AssertionError:
        pytest.skip("the cluster's network plugin enforces no NetworkPolicies")
