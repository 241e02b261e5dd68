"""The engine that tests use, and the project's images in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tests.e2e.base_images import build_base_images
from tests.e2e.docker import ROOT, Docker
from tests.e2e.private_engine import private_engine


@contextmanager
def engine() -> Iterator[Docker]:
    """Give the engine that is there, or else one of our own.

    Raises:
        NoEngine: none can be had here.
    """
    there = Docker()
    if there.answers():
        yield there
        return
    # Not pytest's temporary folder: that keeps what the last runs left, and this is gigabytes.
    folder = Path(mkdtemp(prefix="medication-periods-"))
    try:
        with private_engine(folder) as own:
            build_base_images(own, folder)
            yield own
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_images(docker: Docker, tag: str) -> dict[str, str]:
    """Build the two images with a tag, by which they take the place of nobody's."""
    names = {
        service: f"medication-periods-{service}:{tag}" for service in ("consumer", "publisher")
    }
    for service, name in names.items():
        docker.build(name, ROOT, "--file", f"{service}_app/Dockerfile")
    return names
