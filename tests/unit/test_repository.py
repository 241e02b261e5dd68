"""Where packages and images come from is a matter of each machine's own configuration."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written in parts, as this file is one of those that are read.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("deb", "debian", "org"),
        ("snapshot", "debian", "org"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("docker", "io/"),
        ("docker", "com"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("gcr", "io"),
        ("registry", "k8s", "io"),
    ]
]


def test_no_file_names_the_host_of_a_registry() -> None:
    named = re.compile("|".join(map(re.escape, REGISTRIES)))
    found = [file for file in _tracked() if named.search(file.read_text(errors="replace"))]
    assert not found


def _tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone of the repository")
    return [file for name in listed.stdout.split("\0") if (file := ROOT / name).is_file()]
