from collections.abc import Iterator

import pytest

from tests.e2e.docker import Docker, NoEngine
from tests.e2e.engine import build_images, engine


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    try:
        with engine() as found:
            yield found
    except NoEngine as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def images(docker: Docker) -> dict[str, str]:
    return build_images(docker, "e2e")
