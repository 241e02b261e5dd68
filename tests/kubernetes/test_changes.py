"""Upgrades, good and bad, and the way back from them."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.chart.helm import Refused
from tests.kubernetes.background import meanwhile
from tests.kubernetes.cluster import NAME, Release, Values
from tests.kubernetes.conftest import Tell

_ON_POSTGRESQL = pytest.mark.parametrize("release", ["PostgreSQL"], indirect=True)
# Neither image can be pulled: the consumer's is the migration's, too.
_FAILURES: Mapping[str, Values] = {
    # Helm makes an Ingress last.
    "refused by Kubernetes at its end": {"ingress.enabled": True, "ingress.host": "no host"},
    "not ready in time": {"publisher.image.repository": "not-there"},
    "stopped by its migration": {"consumer.image.repository": "not-there"},
}


@_ON_POSTGRESQL
def test_queries_are_answered_throughout_an_upgrade_and_a_rollback(
    release: Release, tell: Tell
) -> None:
    before = release.pods("consumer").keys()
    with meanwhile(release.namespace, "ask") as asking:
        release.change({"pods.annotations": {"revision": "next"}})
        upgraded = release.pods("consumer").keys()
        release.roll_back()
    assert not before & upgraded
    assert not upgraded & release.pods("consumer").keys()
    assert asking.found.keys() == {"answered"}, asking.found
    tell(
        "upgraded and rolled back, all pods replaced",
        f"{asking.found['answered']:,} queries, each answered",
    )


@pytest.mark.parametrize("failure", _FAILURES)
def test_a_failed_upgrade_is_rolled_back(release: Release, failure: str, tell: Tell) -> None:
    with pytest.raises(Refused):
        release.change(_FAILURES[failure], "--timeout=60s")
    began = time.monotonic()
    release.roll_back()
    took = time.monotonic() - began
    release.wait_for_file()
    release.helm("test", NAME)
    tell(f"an upgrade {failure}, rolled back", f"ready after {took:.0f} s, `helm test` passed")


_WRONG_LOGIN = f"amqp://consumer:wrong@{NAME}-rabbitmq:5672/"


@_ON_POSTGRESQL
@pytest.mark.parametrize(
    ("secret", "values"),
    [
        ("broker", {"consumer.extraEnv": [{"name": "RABBITMQ_URL", "value": _WRONG_LOGIN}]}),
        ("database", {"database.existingSecretKey": "wrong"}),
    ],
)
def test_a_wrong_secret_leaves_the_old_pods(
    release: Release, secret: str, values: Values, tell: Tell
) -> None:
    before = release.pods("consumer").keys()
    with meanwhile(release.namespace, "ask") as asking:
        with pytest.raises(Refused):
            release.change(values, "--timeout=60s")
        found = release.pods("consumer")
    release.roll_back()
    assert [found[pod] for pod in before] == [True] * len(before)
    assert asking.found.keys() == {"answered"}, asking.found
    release.helm("test", NAME)
    tell(
        f"an upgrade with a wrong secret of the {secret}",
        f"the {len(before)} old pods stay; {asking.found['answered']:,} queries, each answered",
    )


def test_a_variable_takes_the_place_of_the_charts_until_it_is_taken_back(
    release: Release, tell: Tell
) -> None:
    def prefetch() -> list[Any]:
        pod = next(iter(release.pods("consumer")))
        spec = json.loads(release.namespace.kubectl("get", "pod", pod, "-o", "json"))["spec"]
        env = spec["containers"][0]["env"]
        return [each["value"] for each in env if each["name"] == "CONSUMER_PREFETCH"]

    release.change({"consumer.extraEnv": [{"name": "CONSUMER_PREFETCH", "value": "7"}]})
    assert prefetch() == ["7"]
    release.change({"consumer.extraEnv": None})
    assert prefetch() == ["250"]
    # Helm has kept the null, and hands it to the schema now.
    release.change({}, "--reuse-values")
    assert prefetch() == ["250"]
    tell("`consumer.extraEnv` set, then null, then upgraded", "as given, then as the chart has it")
