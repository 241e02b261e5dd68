"""A stand-in for a cluster: it answers what Helm's `lookup` asks, and nothing more."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from tests.chart.helm import CHART, Manifest, render, run_helm, settings

Answers = dict[str, dict[str, Any]]


def _discovery(manifests: Sequence[Manifest]) -> Answers:
    """Tell that the kinds of these manifests, and secrets, are known."""
    kinds: dict[str, set[str]] = {"v1": {"Secret"}}
    for manifest in manifests:
        kinds.setdefault(manifest["apiVersion"], set()).add(manifest["kind"])
    groups = [version for version in kinds if version != "v1"]
    answers: Answers = {
        "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": [_group(version) for version in groups]},
    }
    for version, names in kinds.items():
        answers[f"/api/{version}" if version == "v1" else f"/apis/{version}"] = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [_resource(kind) for kind in sorted(names)],
        }
    return answers


def _group(version: str) -> dict[str, Any]:
    name, _, short = version.partition("/")
    entry = {"groupVersion": version, "version": short}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _resource(kind: str) -> dict[str, Any]:
    name = f"{kind.lower()}s"
    return {"name": name, "kind": kind, "namespaced": True, "verbs": ["get"]}


def rendered_over_secret(
    name: str, values: dict[str, str], folder: Path, mode: dict[str, Any] | None = None
) -> list[Manifest]:
    """Render the chart for a cluster that has one secret already, as an upgrade finds it."""
    with _cluster_with_secret(name, values, render(mode), folder) as kubeconfig:
        text = run_helm(
            "template",
            "medication-periods",
            str(CHART),
            *settings(mode or {}),
            "--dry-run=server",
            "--skip-tests",
            "--disable-openapi-validation",
            KUBECONFIG=str(kubeconfig),
        )
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


@contextmanager
def _cluster_with_secret(
    name: str, values: dict[str, str], known: Sequence[Manifest], folder: Path
) -> Iterator[Path]:
    """Serve one secret, and the kinds of some manifests; give the kubeconfig that leads there."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    # Marked as the release's own, as its install did.
    metadata = {
        "name": name,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {
            "meta.helm.sh/release-name": "medication-periods",
            "meta.helm.sh/release-namespace": "default",
        },
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
    answers = _discovery(known) | {f"/api/v1/namespaces/default/secrets/{name}": secret}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer or missing).encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def _kubeconfig(folder: Path, address: str) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stand-in", "cluster": {"server": address}}],
        "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
        "current-context": "stand-in",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return path
