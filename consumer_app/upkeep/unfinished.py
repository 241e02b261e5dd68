"""What takes long to write has its name once it is whole, and not before."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TextIO

import typer

from consumer_app.upkeep import CommandFailed
from runtime.durable import sync_folder

_BUFFER_BYTES = 1024 * 1024
# Of a file system on which a file has but one name, such as a USB stick's.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Give a place for a file or a folder, which has its name once this is left in good order.

    It is beside the target, in `TARGET.unfinished`, of which nothing is left in the end. What a
    process leaves that is killed, the next one takes away.

    Raises:
        CommandFailed: the target is there, or has come meanwhile, or is being written by another
            process, or it can't be; or the folder beside is somebody else's.

    """
    beside = Path(f"{target}.unfinished")
    place = beside / target.name
    with _errors(target), _claimed(beside, target):
        _check_free(target)
        if place.exists():
            typer.echo(f"{target} was begun before, and not finished: it is begun anew", err=True)
            _remove(place)
        try:
            yield place
            _put_in_place(place, target)
        finally:
            _remove(place)


@contextmanager
def created(file: Path) -> Iterator[IO[bytes]]:
    """Make a file that its owner alone reads; it is on the disk once it is left in good order."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb", _BUFFER_BYTES) as opened:  # noqa: PTH123 - a descriptor
        yield opened
        opened.flush()
        os.fsync(descriptor)


@contextmanager
def created_text(file: Path) -> Iterator[TextIO]:
    """Make such a file for text in UTF-8, with whatever ends of lines it is given."""
    with created(file) as opened:
        text = TextIOWrapper(opened, encoding="utf-8", newline="")
        yield text
        # Flushed, but not closed.
        text.detach()


@contextmanager
def _errors(target: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise CommandFailed(f"{target} is there already: name another") from None
    except OSError as error:
        raise CommandFailed(f"{target} can't be written: {error.strerror}") from error


@contextmanager
def _claimed(beside: Path, target: Path) -> Iterator[None]:
    """Have the folder for one process; in the end it is gone, with the lock in it."""
    lock = beside / "lock"
    held = None
    while held is None:
        _make_private(beside)
        # Whoever had it takes lock and folder away, in between, too.
        with suppress(FileNotFoundError):
            held = _locked(lock, target)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(held)
        # What somebody else has put there stays, and so does the lock of who comes next.
        with suppress(OSError):
            beside.rmdir()


def _locked(lock: Path, target: Path) -> int | None:
    """Open a file and lock it; None where it has lost its name meanwhile."""
    with ExitStack() as opened:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        opened.callback(os.close, held)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(f"{target} is being written by another process") from None
        if not os.path.samestat(os.fstat(held), lock.stat()):
            return None
        opened.pop_all()
        return held


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if not is_private or found.st_uid != os.geteuid():
            raise CommandFailed(
                f"{folder} is not a folder that you alone can enter: remove it"
            ) from None


def _put_in_place(place: Path, target: Path) -> None:
    """Give what is whole its name, unless that is taken: hours may have gone by."""
    if place.is_dir():
        sync_folder(place)
        # A folder takes the place of no file, nor of a folder with anything in it.
        place.rename(target)
    else:
        _link(place, target)
    sync_folder(target.parent)


def _link(place: Path, target: Path) -> None:
    # To rename it would replace a file.
    try:
        os.link(place, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _check_free(target)
        place.rename(target)


def _check_free(target: Path) -> None:
    if os.path.lexists(target):
        raise CommandFailed(f"{target} is there already: name another")


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
