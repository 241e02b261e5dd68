"""The key of the audit's codes: 32 bytes in a file, as 64 hexadecimal digits."""

import logging
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from consumer_app.audit.errors import UnusableAudit
from runtime.durable import sync_folder

logger = logging.getLogger(__name__)

_BYTES = 32


def read_key(file: Path) -> bytes:
    """Read the key.

    Raises:
        FileNotFoundError: there is none.
        UnusableAudit: it can't be read, or is none.

    """
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
        found = file.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnusableAudit(f"the audit's key {file} can't be read: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise UnusableAudit(
            f"the audit's key {file} is none: it has {2 * _BYTES} hexadecimal digits, "
            f"as `openssl rand -hex {_BYTES}` prints them"
        )
    # One of another owner is mounted: its mode is not ours to choose.
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        logger.warning("the audit's key %s can be read by others: chmod 600 it", file)
    return key


def make_key(file: Path) -> bytes:
    """Make the key, for its owner alone; where another process makes it too, return the first.

    Raises:
        UnusableAudit: it can't be written.

    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=file.parent, prefix=f"{file.name}.") as made:
            made.write(f"{secrets.token_hex(_BYTES)}\n")
            made.flush()
            os.fsync(made.fileno())
            # Whole or not at all, and never in another's place.
            with suppress(FileExistsError):
                os.link(made.name, file)
            sync_folder(file.parent)
    except OSError as error:
        raise UnusableAudit(f"the audit's key {file} can't be made: {error.strerror}") from None
    return read_key(file)
