"""Stand-ins, under their names, for the images that the project is based on and can't be pulled.

Each is built on Debian, of the packages that its folder below ``stand-ins`` names.
"""

import re
import shutil
from pathlib import Path

from tests.e2e.docker import ROOT, Docker
from tests.e2e.private_engine import minimal_debian, run_or_skip

_FOLDER = Path(__file__).parent / "stand-ins"


def build_base_images(docker: Docker, folder: Path) -> None:
    """Build all of them; the folder takes what is needed on the way."""
    stand_ins = {image: _FOLDER / image.partition(":")[0] for image in _base_images(docker)}
    dockerfiles = "".join((each / "Dockerfile").read_text() for each in stand_ins.values())
    for suite in set(re.findall(r"^FROM debian:(\w+)$", dockerfiles, re.MULTILINE)):
        debian = minimal_debian(suite, folder)
        pack = f"tar -C {debian} -c . | {docker.program} import - debian:{suite}"
        run_or_skip("sh", "-c", pack, **docker.environment)
        shutil.rmtree(debian)
    for image, stand_in in stand_ins.items():
        docker.build(image, stand_in)


def used_images(docker: Docker) -> set[str]:
    """Read from the compose files which images run beside the project's own."""
    used = docker.run("compose", "--profile", "*", "config", "--images").split()
    return {image for image in used if not image.startswith("medication-")}


def _base_images(docker: Docker) -> set[str]:
    """Read from the Dockerfiles and the compose files which images the project is based on."""
    dockerfiles = (ROOT / f"{name}_app" / "Dockerfile" for name in ("consumer", "publisher"))
    named = "".join(dockerfile.read_text() for dockerfile in dockerfiles)
    based_on = set(re.findall(r"^ARG \w+_IMAGE=(.+)$", named, re.MULTILINE))
    return based_on | used_images(docker)
