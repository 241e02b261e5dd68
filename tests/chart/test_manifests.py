"""Each mode of the chart renders to manifests that Kubernetes' own schemas accept."""

import json
from functools import cache

import pytest
import yaml
from kubernetes_validate import ValidationError, utils  # type: ignore[import-untyped]

from tests.chart.helm import (
    CHART,
    ROOT,
    Manifest,
    is_gone_before_the_release,
    pick,
    render,
    run_helm,
    settings,
)
from tests.chart.modes import MODES

_VERSIONS = sorted(
    {utils.major_minor(version) for version in utils.all_versions()},
    key=lambda version: [int(part) for part in version.split(".")],
)[-3:]
# Kubernetes doesn't know these: their operators bring the schemas along.
_FOREIGN_GROUPS = {
    "gateway.networking.k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
    "rabbitmq.com",
}


@pytest.mark.parametrize("mode", MODES)
def test_helm_lint_finds_nothing(mode: str) -> None:
    assert "0 chart(s) failed" in run_helm("lint", "--strict", str(CHART), *settings(MODES[mode]))


@pytest.mark.parametrize("mode", MODES)
def test_every_manifest_keeps_the_schemas_of_the_three_newest_kubernetes(mode: str) -> None:
    for manifest in render(MODES[mode]):
        if manifest["apiVersion"].partition("/")[0] in _FOREIGN_GROUPS:
            continue
        for version in _VERSIONS:
            _validate(json.dumps(manifest), version)


def test_the_pod_that_restores_a_database_is_like_the_consumer_and_has_its_volume() -> None:
    pod = yaml.safe_load((ROOT / "docs" / "restore-pod.yaml").read_text())
    for version in _VERSIONS:
        _validate(json.dumps(pod), version)
    workload = pick(render(), "StatefulSet", "consumer")["spec"]
    (claim,) = workload["volumeClaimTemplates"]
    consumer = workload["template"]["spec"]

    (volume,) = pod["spec"]["volumes"]
    claimed = f"{claim['metadata']['name']}-medication-periods-consumer-0"
    assert volume["persistentVolumeClaim"] == {"claimName": claimed}
    assert pod["spec"]["securityContext"] == consumer["securityContext"]
    for part in ("image", "securityContext"):
        assert pod["spec"]["containers"][0][part] == consumer["containers"][0][part]


@cache
def _validate(manifest: str, version: str) -> None:
    """Validate once what several modes have in common."""
    utils.validate(json.loads(manifest), version, strict=True)


def test_the_validation_finds_a_misspelled_field() -> None:
    service: Manifest = {"apiVersion": "v1", "kind": "Service", "spec": {"selektor": {}}}
    with pytest.raises(ValidationError):
        utils.validate(service, _VERSIONS[-1], strict=True)


def test_no_two_manifests_of_a_mode_have_one_name() -> None:
    for values in MODES.values():
        there = [each for each in render(values) if not is_gone_before_the_release(each)]
        names = [(each["kind"], each["metadata"]["name"]) for each in there]
        assert len(names) == len(set(names))


def test_long_release_names_leave_room_for_what_is_put_behind_them() -> None:
    name = "a-release-with-a-name-of-fifty-three-characters-in-al"
    for line in run_helm("template", name, str(CHART)).splitlines():
        if line.startswith("  name: "):
            assert len(line.removeprefix("  name: ")) <= 52


def test_the_notes_name_the_next_command() -> None:
    # `helm template` shows no notes; a dry run without a cluster does.
    notes = run_helm("install", "trial", str(CHART), "--dry-run=client")
    assert "helm test trial -n default" in notes
    assert "svc/trial-medication-periods-consumer" in notes
    assert "8000/health/receiving" in notes
