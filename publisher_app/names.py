"""Names of what lies beside a file, which fit however long its own is."""

import os
from hashlib import sha256
from pathlib import Path

_MOST_BYTES = 255
"""As file systems have it."""
_DIGITS = 16


def beside(file: Path, ending: str, beginning: str = "") -> Path:
    """Name what lies beside a file: by the file's name, between a beginning and an ending.

    Where that is longer than a name may be, a digest stands for the end of the file's.
    """
    name = os.fsencode(file.name)
    room = _MOST_BYTES - len(os.fsencode(beginning + ending))
    if len(name) <= room:
        return file.with_name(f"{beginning}{file.name}{ending}")
    # A character that is cut in two is left out, as some file systems take text alone.
    kept = name[: room - _DIGITS - 1].decode(errors="ignore")
    return file.with_name(f"{beginning}{kept}-{sha256(name).hexdigest()[:_DIGITS]}{ending}")
