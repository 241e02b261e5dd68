"""The cluster that KUBECONFIG names, and a namespace in it that tests have for themselves."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.chart.helm import CHART, find_program, run_helm, settings

NAME = "medication-periods"
PART = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component"

_HERE = Path(__file__).parent
_CLIENT_CODE = (_HERE / "client.py").read_text()
_numbers = count(1)

Values = dict[str, Any]


def kubectl(*arguments: str, stdin: str | None = None, timeout: float = 600) -> str:
    """Run kubectl and return what it prints.

    Raises:
        RuntimeError: it ended with an error.
    """
    done = subprocess.run(
        [str(find_program("kubectl")), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def why_not() -> str | None:
    """Say why there is no cluster to test on, or None."""
    if not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG names no cluster"
    try:
        kubectl("get", "--raw", "/readyz", "--request-timeout=10s")
    except RuntimeError as error:
        return f"the cluster that KUBECONFIG names does not answer: {error}"
    return None


class Namespace:
    """A namespace that lets in no pod below the restricted standard, with a client in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 600) -> str:
        """Run kubectl in it."""
        return kubectl("--namespace", self.name, *arguments, stdin=stdin, timeout=timeout)

    def apply(self, name: str, image: str) -> None:
        """Make what a file beside this one tells of, with an image."""
        text = (_HERE / name).read_text().replace("IMAGE", image)
        self.kubectl("apply", "-f", "-", stdin=text)

    def run(self, *arguments: str, pod: str = "client") -> Any:  # noqa: ANN401 - JSON
        """Run the client's code in a pod, and return what it has found."""
        token = f"TOKEN={self._token()}"
        command = ("exec", "-i", pod, "--", "env", token, "python", "-", *arguments)
        return json.loads(self.kubectl(*command, stdin=_CLIENT_CODE).splitlines()[-1])

    def _token(self) -> str:
        """Read the token that an installation here has made, if there is one."""
        asked = ("get", "secret", f"{NAME}-access", "--ignore-not-found")
        return base64.b64decode(self.kubectl(*asked, "-o", "jsonpath={.data.token}")).decode()

    def describe(self) -> str:
        """Tell what can be told of it, for who looks into a failure."""
        told = [self.kubectl("get", "all", "-o", "wide")]
        told.append(self.kubectl("get", "events", "--sort-by=.lastTimestamp"))
        for pod in self.kubectl("get", "pods", "-o", "name").split():
            with_errors = ("logs", "--all-containers", "--ignore-errors", "--tail=30", pod)
            told.append(f"{pod}\n{self.kubectl(*with_errors)}")
        return "\n".join(told)


@contextmanager
def namespace(client_image: str) -> Iterator[Namespace]:
    """Have a namespace for as long as the context lasts."""
    made = Namespace(f"{NAME}-test-{os.getpid()}-{next(_numbers)}")
    kubectl("create", "namespace", made.name)
    try:
        kubectl("label", "namespace", made.name, "pod-security.kubernetes.io/enforce=restricted")
        made.apply("client.yaml", client_image)
        made.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=120s")
        yield made
    except BaseException:
        print(made.describe())
        raise
    finally:
        kubectl("delete", "namespace", made.name, "--timeout=300s")


class Release:
    """The chart, installed in a namespace in one of its modes."""

    def __init__(self, namespace: Namespace, mode: str, values: Values) -> None:
        self.namespace = namespace
        self.mode = mode
        self._values = values

    def change(self, values: Values, *options: str) -> None:
        """Install or upgrade it, with further values, and wait until it is ready.

        Raises:
            Refused: it did not get ready.
        """
        given = settings(self._values | values)
        self.helm("upgrade", "--install", NAME, str(CHART), "--wait", *given, *options)

    def roll_back(self) -> None:
        """Return to the revision before, and wait until it is ready."""
        self.helm("rollback", NAME, "--wait")

    def helm(self, *arguments: str) -> str:
        """Run Helm in the namespace."""
        environment = {"KUBECONFIG": os.environ["KUBECONFIG"]}
        return run_helm("-n", self.namespace.name, *arguments, timeout=900, **environment)

    def pods(self, component: str) -> dict[str, bool]:
        """Return a component's pods that are not on their way out, and whether each is ready."""
        found = self.namespace.kubectl("get", "pods", "-l", f"{PART}={component}", "-o", "json")
        return {
            pod["metadata"]["name"]: any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in pod["status"].get("conditions", [])
            )
            for pod in json.loads(found)["items"]
            if "deletionTimestamp" not in pod["metadata"]
        }

    def wait_for_workloads(self) -> None:
        """Wait until all that runs for ever has the pods that it should have."""
        listing = self.namespace.kubectl("get", "deployments,statefulsets", "-o", "name")
        for workload in listing.split():
            self.namespace.kubectl("rollout", "status", workload, "--timeout=300s")

    def wait_for_file(self) -> None:
        """Wait until the Job has published its file."""
        job = f"job/{NAME}-publish-file"
        self.namespace.kubectl("wait", "--for=condition=Complete", job, "--timeout=180s")
