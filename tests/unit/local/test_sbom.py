"""The bill of materials of an image names what its Dockerfile puts there, and nothing else."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from local.sbom import SERVICES, sbom_of
from runtime.version import VERSION

each_service = pytest.mark.parametrize("service", SERVICES)


@cache
def written(service: str) -> str:
    return sbom_of(service)


def components(service: str, kind: str) -> dict[str, Any]:
    """Give the components of a kind of package, by name and version."""
    return {
        each["purl"].removeprefix(f"pkg:{kind}/"): each
        for each in json.loads(written(service))["components"]
        if each["purl"].startswith(f"pkg:{kind}/")
    }


@each_service
def test_it_keeps_the_schema_and_says_what_it_is_of(service: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written(service)) is None
    assert json.loads(written(service))["metadata"]["component"] == {
        "bom-ref": service,
        "type": "application",
        "name": f"medication-periods-{service}",
        "version": VERSION,
    }


@each_service
def test_it_names_each_pinned_python_package_with_its_hashes(service: str) -> None:
    text = Path(f"{service}_app/requirements.txt").read_text()
    pinned = {
        f"{found['name']}@{found['version']}": set(re.findall(r"sha256:(\w+)", found["hashes"]))
        for found in re.finditer(
            r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?P<hashes>(?:.*\\\n)+.*)", text, re.MULTILINE
        )
        # It is not in an image of Linux.
        if "sys_platform == 'win32'" not in found["hashes"]
    }
    listed = {
        name: {digest["content"] for digest in component["externalReferences"][0]["hashes"]}
        for name, component in components(service, "pypi").items()
    }
    assert listed == pinned
    assert any(name.startswith("faststream@") for name in listed)
    assert any(name.startswith("asyncpg@") for name in listed) is (service == "consumer")
    assert not any(name.startswith(("colorama@", "pytest@")) for name in listed)


@each_service
def test_it_names_the_packages_of_the_pages_files_and_the_base_image(service: str) -> None:
    assets = Path("pages/assets.mjs").read_text()
    copied = set(re.findall(r"^  \"?([@\w/-]+)\"?: \[", assets, re.MULTILINE))
    npm = components(service, "npm")
    named = {name.rpartition("@")[0].replace("%40", "@") for name in npm}
    # With what is in these files, too, and without what only the tools need.
    assert named >= copied | {"d3-scale", "dompurify", "react"}
    assert not named & {"", "esbuild-wasm", "eslint", "typescript"}
    assert all(len(each["hashes"][0]["content"]) == 128 for each in npm.values())

    ((base, container),) = components(service, "docker").items()
    assert container["type"] == "container"
    dockerfile = Path(f"{service}_app/Dockerfile").read_text()
    assert f"ARG PYTHON_IMAGE={base.replace('@', ':')}\n" in dockerfile


def test_the_same_files_give_the_same_bytes() -> None:
    assert sbom_of("publisher") == written("publisher")
