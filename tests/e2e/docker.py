"""The Docker client, and what it is connected to."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


class NoEngine(Exception):
    """No Docker engine can be had here; the message says why."""


@dataclass(frozen=True)
class Docker:
    """A client of one engine."""

    program: str = "docker"
    environment: dict[str, str] = field(default_factory=dict)
    build_options: tuple[str, ...] = ()

    def run(
        self,
        *arguments: str,
        check: bool = True,
        timeout: float = 600,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run ``docker`` in a folder, by default the project's; return what it prints."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env={**os.environ, **self.environment, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"docker {' '.join(arguments)}\n{done.stdout[-8000:]}")
        return done.stdout

    def build(self, image: str, context: Path = ROOT, *options: str) -> str:
        """Build an image; return the builder's report."""
        progress = ("--progress", "plain")
        build = ("build", *progress, *self.build_options, *options, "--tag", image, str(context))
        return self.run(*build)

    def answers(self) -> bool:
        """Tell whether there is an engine, and compose."""
        try:
            self.run("info", timeout=20)
            self.run("compose", "version", timeout=20)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            return False
        return True
