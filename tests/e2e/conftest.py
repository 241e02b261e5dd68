import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.e2e.base_images import build_base_images
from tests.e2e.docker import ROOT, Docker, NoEngine
from tests.e2e.private_engine import private_engine


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """Give the engine that is there, or else one of our own."""
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
    except NoEngine as reason:
        pytest.skip(str(reason))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def images(docker: Docker) -> dict[str, str]:
    """Build the two images, tagged so that they take the place of nobody's."""
    names = {service: f"medication-periods-{service}:e2e" for service in ("consumer", "publisher")}
    for service, name in names.items():
        docker.build(name, ROOT, "--file", f"{service}_app/Dockerfile")
    return names
