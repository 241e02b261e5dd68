"""Names of files that are on the disk for good."""

import errno
import os
from pathlib import Path

# Of a file system that syncs no folders, as CIFS and some that are in user space.
_CAN_NOT = {errno.EINVAL, errno.ENOTSUP}


def put_in_place(unfinished: Path, file: Path) -> None:
    """Give a file that is synced its name for good."""
    unfinished.replace(file)
    sync_folder(file.parent)


def delete(file: Path) -> None:
    """Delete a file for good."""
    file.unlink()
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CAN_NOT:
            raise
    finally:
        os.close(descriptor)
