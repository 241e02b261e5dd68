"""`make sbom`: lists what is in each image, as CycloneDX, in the folder sbom/.

That is what the Dockerfiles put there: the pinned Python packages, the npm packages that the pages'
files come from with all that these depend on, though not all of it is in the files, and the base
image by its name, whose own packages whoever builds it can list. What swagger-ui-dist has in its
files without naming it as a dependency is not listed: no lock file tells its versions. The same
files give the same bytes, and no network is needed.
"""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from runtime.version import VERSION

SERVICES = ("consumer", "publisher")

Component = dict[str, Any]

_FOLDER = Path("sbom")
_BASE_IMAGE = re.compile(
    r"^ARG PYTHON_IMAGE=(?P<name>[^@:\s]+):(?P<version>(?P<python>\d+\.\d+)\S*)$", re.MULTILINE
)


def sbom_of(service: str) -> str:
    """Describe the image of a service, as a CycloneDX document in JSON."""
    folder = Path(f"{service}_app")
    (base,) = _BASE_IMAGE.finditer((folder / "Dockerfile").read_text(encoding="utf-8"))
    requirements = "\n".join(_installed(folder / "requirements.txt", base["python"]))
    bom: dict[str, Any] = json.loads(_cyclonedx(requirements))
    bom["metadata"]["component"] = {
        "bom-ref": service,
        "type": "application",
        "name": f"medication-periods-{service}",
        "version": VERSION,
    }
    bom["components"] += [_base_image(base["name"], base["version"]), *_npm_packages()]
    references = [component["bom-ref"] for component in bom["components"]]
    bom["dependencies"] = [
        {"ref": service, "dependsOn": references},
        *({"ref": reference} for reference in references),
    ]
    return json.dumps(bom, indent=2, sort_keys=True) + "\n"


def _installed(requirements: Path, python: str) -> Iterator[str]:
    """Yield the requirements that are for Linux and this Python, with their hashes."""
    image = {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    for line in requirements.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        pin, _, hashes = line.partition(" --hash=")
        marker = None if pin.startswith("#") else Requirement(pin).marker
        if marker is None or marker.evaluate(image):
            # The marker would stay in the description of what is there without a condition.
            yield f"{pin.partition(';')[0].strip()} --hash={hashes}" if hashes else line


def _cyclonedx(requirements: str) -> str:
    # A test validates the whole of it.
    options = ["--output-reproducible", "--no-validate"]
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", *options, "-"]
    done = subprocess.run(command, input=requirements, capture_output=True, text=True, check=True)
    return done.stdout


def _base_image(name: str, version: str) -> Component:
    """``version`` is a tag, with the digest behind it where one is pinned."""
    purl = f"pkg:docker/{name}@{version.replace('@', '%40').replace(':', '%3A')}"
    return {
        "bom-ref": purl,
        "type": "container",
        "name": name,
        "version": version,
        "purl": purl,
    }


def _npm_packages() -> Iterator[Component]:
    """Yield those that the images' files may be of: all but what only the tools are made of."""
    packages = json.loads(Path("package-lock.json").read_text(encoding="utf-8"))["packages"]
    del packages[""]
    components = [
        _npm_package(path, package) for path, package in packages.items() if not package.get("dev")
    ]
    # A version may lie in several folders.
    yield from {component["purl"]: component for component in components}.values()


def _npm_package(path: str, package: dict[str, Any]) -> Component:
    """Describe what lies in a folder of node_modules."""
    name = path.rpartition("node_modules/")[2]
    algorithm, _, digest = package["integrity"].partition("-")
    purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
    group, _, plain = name.rpartition("/")
    license_ = package["license"]
    is_expression = " " in license_
    return {
        "bom-ref": purl,
        "type": "library",
        **({"group": group} if group else {}),
        "name": plain,
        "version": package["version"],
        "purl": purl,
        "licenses": [{"expression": license_} if is_expression else {"license": {"id": license_}}],
        "hashes": [
            {
                "alg": algorithm.upper().replace("SHA", "SHA-"),
                "content": base64.b64decode(digest).hex(),
            }
        ],
    }


if __name__ == "__main__":
    _FOLDER.mkdir(exist_ok=True)
    for each in SERVICES:
        path = _FOLDER / f"medication-periods-{each}-{VERSION}.cdx.json"
        path.write_text(sbom_of(each), encoding="utf-8")
        print(path)
