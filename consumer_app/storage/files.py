"""Files that are on the disk for good."""

import os
from pathlib import Path


def put_in_place(unfinished: Path, file: Path) -> None:
    """Give a file that is synced its name for good: the folder, which holds the name, is synced."""
    unfinished.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
