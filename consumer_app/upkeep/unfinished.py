"""What takes long to write has its name once it is whole, and not before."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TextIO

import typer

from consumer_app.upkeep import CommandFailed
from runtime.durable import put_in_place, sync_folder

_BUFFER_BYTES = 1024 * 1024


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Give a place for a file or a folder, which has its name once this is left in good order.

    It is beside the target, in `TARGET.unfinished`, of which nothing is left in the end. What a
    process leaves that is killed, the next one takes away.

    Raises:
        CommandFailed: the target is there, or is being written by another process, or it can't be.

    """
    beside = Path(f"{target}.unfinished")
    place = beside / target.name
    with _errors(target), _claimed(beside, target):
        if target.exists():
            raise CommandFailed(f"{target} is there already: name another")
        if place.exists():
            typer.echo(f"{target} was begun before, and not finished: it is begun anew", err=True)
            _remove(place)
        try:
            yield place
            if place.is_dir():
                sync_folder(place)
            put_in_place(place, target)
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
    except OSError as error:
        raise CommandFailed(f"{target} can't be written: {error.strerror}") from error


@contextmanager
def _claimed(beside: Path, target: Path) -> Iterator[None]:
    """Have the folder for one process; in the end it is gone, with the lock in it."""
    beside.mkdir(0o700, exist_ok=True)
    with (beside / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(f"{target} is being written by another process") from None
        try:
            yield
        finally:
            Path(lock.name).unlink(missing_ok=True)
            # What somebody else has put there stays.
            with suppress(OSError):
                beside.rmdir()


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
