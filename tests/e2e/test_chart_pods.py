"""The chart's pods, run by Docker as they are rendered: there is no Kubernetes to be had here.

Each container gets its pod's command, environment, user, read-only root, dropped capabilities,
memory limit and volumes. What this cannot show is what Kubernetes itself does with the manifests.
"""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import Manifest, pick, pods, render
from tests.e2e.compose import eventually
from tests.e2e.docker import Docker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

_NETWORK = f"medication-periods-pods-{os.getpid()}"
_VALUES = {"images.tag": "e2e", "consumer.service.port": 8000, "publisher.service.port": 8000}


class Pods:
    """The pods of one rendered chart, as containers on a network of their own."""

    def __init__(self, docker: Docker, manifests: list[Manifest], folder: Path) -> None:
        self._docker = docker
        self._manifests = manifests
        self._pods = pods(manifests)
        self._folder = folder

    def start(self, component: str) -> str:
        """Start a component's pod; its service's name leads to it. Return the container."""
        service = f"medication-periods-{component}"
        options = ["--detach", "--name", f"{_NETWORK}-{component}"]
        for alias in (service, f"{service}.default.svc"):
            options += ["--network-alias", alias]
        for container in self._pods[component].get("initContainers", []):
            self._run(component, container, "--rm")
        return self._run(component, self._container(component), *options)

    def finish(self, component: str) -> str:
        """Run a component's pod to its end; return what it prints."""
        return self._run(component, self._container(component), "--rm")

    def probe(self, container: str, component: str) -> bool:
        """Ask what the readiness probe asks, from inside the container."""
        probe = self._container(component)["readinessProbe"]
        if "tcpSocket" in probe:
            command = ["rabbitmq-diagnostics", "-q", "check_port_connectivity"]
        else:
            address = f"http://127.0.0.1:8000{probe['httpGet']['path']}"
            code = f"import urllib.request; urllib.request.urlopen('{address}', timeout=5)"
            command = ["python", "-c", code]
        try:
            self._docker.run("exec", container, *command)
        except RuntimeError:
            return False
        return True

    def _container(self, component: str) -> Manifest:
        container: Manifest
        [container] = self._pods[component]["containers"]
        return container

    def _run(self, component: str, container: Manifest, *options: str) -> str:
        pod = self._pods[component]
        identity = pod["securityContext"]
        command = container.get("command", [])
        entrypoint = ["--entrypoint", command[0]] if command else []
        return self._docker.run(
            "run",
            *options,
            *("--network", _NETWORK, "--hostname", f"medication-periods-{component}-0"),
            *("--user", f"{identity['runAsUser']}:{identity['runAsGroup']}"),
            *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--memory", container["resources"]["limits"]["memory"].removesuffix("i").lower()),
            *self._environment(container),
            *self._volumes(component, container),
            *entrypoint,
            container["image"],
            *command[1:],
        ).strip()

    def _environment(self, container: Manifest) -> Iterator[str]:
        for variable in container.get("env", []):
            value = variable.get("value") or self._secret(variable["valueFrom"]["secretKeyRef"])
            yield from ("--env", f"{variable['name']}={value}")

    def _secret(self, reference: dict[str, str]) -> str:
        return self._content(reference["name"])[reference["key"]]

    def _content(self, secret: str) -> dict[str, str]:
        [content] = [
            manifest["stringData"]
            for manifest in self._manifests
            if manifest["kind"] == "Secret" and manifest["metadata"]["name"] == secret
        ]
        return dict(content)

    def _files(self, volume: Manifest) -> Iterator[tuple[str, str]]:
        for source in volume.get("projected", {}).get("sources", [volume]):
            if "configMap" in source:
                content = pick(self._manifests, "ConfigMap")["data"]
                items = source["configMap"]["items"]
            else:
                secret = source["secret"]
                content = self._content(secret.get("secretName") or secret["name"])
                items = secret["items"]
            yield from ((item["path"], content[item["key"]]) for item in items)

    def _volumes(self, component: str, container: Manifest) -> Iterator[str]:
        pod = self._pods[component]
        sources = {volume["name"]: volume for volume in pod.get("volumes", [])}
        group = pod["securityContext"]["fsGroup"]
        for mount in container.get("volumeMounts", []):
            # The containers of a pod share its volumes.
            folder = self._folder / f"{component}-{mount['name']}"
            folder.mkdir(exist_ok=True)
            source = sources.get(mount["name"], {})
            if "secret" in source or "projected" in source:
                for name, text in self._files(source):
                    file = folder / name
                    file.parent.mkdir(exist_ok=True)
                    file.write_text(text)
            else:
                # As an emptyDir or a claim with this fsGroup: writable by the group.
                os.chown(folder, 0, group)
                folder.chmod(0o2775)
            read_only = ":ro" if mount.get("readOnly") else ""
            yield from ("--volume", f"{folder}:{mount['mountPath']}{read_only}")


@pytest.fixture
def installed(docker: Docker, images: dict[str, str], tmp_path: Path) -> Iterator[Pods]:
    assert images
    if os.geteuid() != 0:
        pytest.skip("only root can give a volume to the group that a pod runs as")
    docker.run("network", "create", _NETWORK)
    try:
        yield Pods(docker, render(_VALUES), tmp_path)
    finally:
        names = docker.run("ps", "--all", "--quiet", "--filter", f"network={_NETWORK}").split()
        if names:
            docker.run("rm", "--force", "--volumes", *names)
        docker.run("network", "rm", _NETWORK)


def test_the_pods_of_the_chart_pass_helm_test(docker: Docker, installed: Pods) -> None:
    started: dict[str, str] = {}
    try:
        for component in ("rabbitmq", "consumer", "publisher"):
            started[component] = installed.start(component)
            container = started[component]
            eventually(partial(installed.probe, container, component), seconds=120)
        assert "read back:" in installed.finish("test")
    except BaseException:
        for component, container in started.items():
            print(component, docker.run("logs", "--tail", "40", container, check=False))
        raise
    facts: list[dict[str, Any]] = json.loads(docker.run("inspect", *started.values()))
    assert not any(each["State"]["OOMKilled"] or each["RestartCount"] for each in facts)
