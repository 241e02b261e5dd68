"""Files that their owner alone reads."""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger("consumer_app.storage")

OF_SQLITE = ("", "-wal", "-shm", "-journal")
"""What the names of a SQLite file and of those that SQLite keeps beside it end with."""


def keep_private(database: Path) -> None:
    """Make a SQLite file that its owner alone reads, whatever the umask, or narrow what is there.

    SQLite gives the files beside it the same mode.

    Raises:
        OSError: it can't be made.

    """
    database = database.resolve()
    try:
        os.close(os.open(database, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        narrow(database)


def narrow(database: Path) -> None:
    """See that its owner alone reads a SQLite file; the log tells of one that others could read.

    Nothing is opened for it: to close one again would let SQLite's locks go.
    """
    try:
        # The file itself first: SQLite makes those beside it like it, meanwhile too.
        narrowed = [part for part in OF_SQLITE if _narrow(Path(f"{database}{part}"))]
    except OSError as error:
        logger.warning("%s can be read by others: chmod 600 it (%s)", database, error.strerror)
    else:
        if narrowed:
            logger.info("%s could be read by others: its mode is 600 now", database)


def _narrow(file: Path) -> bool:
    with suppress(FileNotFoundError):  # SQLite may delete it at any time
        mode = file.lstat().st_mode
        # A link may lead to what is not SQLite's.
        if stat.S_ISREG(mode) and stat.S_IMODE(mode) & ~0o600:
            file.chmod(0o600)
            return True
    return False
