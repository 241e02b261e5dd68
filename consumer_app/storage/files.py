"""Files that are on the disk for good."""

import errno
import os
from pathlib import Path

# Of a file system that syncs no folders, as CIFS and some that are in user space.
_CAN_NOT = {errno.EINVAL, errno.ENOTSUP}


def put_in_place(unfinished: Path, file: Path) -> None:
    """Give a file that is synced its name for good: the folder, which holds the name, is synced."""
    unfinished.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _CAN_NOT:
            raise
    finally:
        os.close(folder)
