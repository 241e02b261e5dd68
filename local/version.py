"""`make version`: writes the version of runtime/version.py wherever it must stand literally."""

import re
from collections.abc import Sequence
from pathlib import Path

from runtime.version import VERSION

PLACES = {
    # file: what stands before the version
    "charts/medication-periods/Chart.yaml": r"^(?:version|appVersion): ",
    "consumer_app/Dockerfile": r"^ARG VERSION=",
    "consumer_app/docker-compose.yaml": r"medication-periods-consumer:\$\{TAG:-",
    "publisher_app/Dockerfile": r"^ARG VERSION=",
    "publisher_app/docker-compose.yaml": r"medication-periods-publisher:\$\{TAG:-",
    "docs/restore-pod.yaml": r"medication-periods-consumer:",
    "README.md": r"medication-periods-(?:consumer|publisher):",
}
"""The files that can't derive it: Helm, Docker and a reader take it as it is written."""


def versions_in(file: str, text: str) -> Sequence[str]:
    """Find the versions that a file of ``PLACES`` gives."""
    return [found["version"] for found in _pattern(file).finditer(text)]


def with_version(file: str, text: str) -> str:
    """Write the version into the text of a file of ``PLACES``."""
    return _pattern(file).sub(rf"\g<before>{VERSION}", text)


def _pattern(file: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<before>{PLACES[file]})(?P<version>\d+\.\d+\.\d+)", re.MULTILINE)


if __name__ == "__main__":
    for name in PLACES:
        path = Path(name)
        path.write_text(with_version(name, path.read_text(encoding="utf-8")), encoding="utf-8")
