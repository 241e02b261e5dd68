"""The machine that measures."""

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """Say in a line how many cores of which kind there are, and with which Python."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} shared cores ({found[1].strip() if found else platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}"
    )
