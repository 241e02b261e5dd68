"""Claims: which of several publishers that share a folder has a file in hand."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from publisher_app.names import beside

TOUCHED_EVERY_SECONDS = 10.0
TAKEN_OVER_AFTER_SECONDS = 60.0

_CLAIMS, _BEAT = ".claims", ".beat"
_DEATHS, _REJECTS = ".deaths", ".rejects"
_MOST_DEATHS = 5


class Claims:
    """What one publisher has claimed in a folder: the files in a directory of its own there.

    A file is claimed by a rename, which only one can do, and keeps its name and time of change:
    whoever publishes it, it is the same run. So the directory's beat is touched, not the file.
    """

    def __init__(self, folder: Path) -> None:
        self._all = folder / _CLAIMS
        self._own = self._all / uuid4().hex

    def rejects_of(self, claimed: Path) -> Path:
        """Tell where the rejects of a claimed file go while it is published."""
        return _hidden_beside(claimed, _REJECTS)

    def touch(self) -> None:
        """Show that this publisher is alive.

        Raises:
            OSError: the folder is not there, or can't be written to.

        """
        self._all.mkdir(exist_ok=True)
        self._own.mkdir(exist_ok=True)
        (self._own / _BEAT).touch()

    def take(self, file: Path) -> Path | None:
        """Claim a file of the folder, or of a claim that was left; it may be this one's own.

        None if another was quicker, or while another file of that name is in hand.

        Raises:
            OSError: it can't be renamed, or can't be noted with how many publishers have died with
                it in hand. Nothing is left of the claim.

        """
        claimed = self._own / file.name
        if claimed.exists():
            return claimed if file == claimed else None
        try:
            # Before it is claimed, so that it counts whatever happens then.
            _note_deaths(claimed, _deaths(file) + 1 if file.parent.parent == self._all else 0)
            file.rename(claimed)
        except FileNotFoundError:
            self.forget(claimed)
            return None
        except OSError:
            self.forget(claimed)
            raise
        return claimed

    def forget(self, claimed: Path) -> None:
        """Remove what was noted of a file that is claimed no more, or was not in the end."""
        if claimed.parent != self._own:
            return
        for noted in (_counter_of(claimed), self.rejects_of(claimed)):
            with suppress(OSError):
                noted.unlink()

    def has_killed(self, claimed: Path) -> bool:
        """Say whether so many publishers have died with a file in hand that it is at fault."""
        return _deaths(claimed) >= _MOST_DEATHS

    def left(self) -> Iterator[Path]:
        """Yield the files in claims that nobody touches any more, this publisher's own included.

        Its own are there when it was kept from finishing them; it asks with none in hand.

        Raises:
            OSError: the folder is not there, or can't be read.

        """
        self.touch()
        # The file system's own clock: that of another machine may be far off.
        now = (self._own / _BEAT).stat().st_mtime
        for claim in [*self._all.iterdir()]:
            if claim == self._own or now - _touched(claim, now) > TAKEN_OVER_AFTER_SECONDS:
                yield from _files(claim)
                if claim != self._own:
                    _remove(claim)

    def release(self) -> None:
        """Let others take at once what is still claimed.

        It is not renamed back: a new file of the same name may lie in the folder by now.
        """
        for file in _files(self._own):
            with suppress(OSError):
                _note_deaths(file, _deaths(file) - 1)
        with suppress(OSError):
            os.utime(self._own / _BEAT, (0, 0))
        if not any(_files(self._own)):
            _remove(self._own)


def _touched(claim: Path, now: float) -> float:
    """Tell when a claim was touched last; one that has just gone is as if it were fresh."""
    for path in (claim / _BEAT, claim):
        with suppress(OSError):
            return path.stat().st_mtime
    return now


def _files(claim: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from (each for each in claim.iterdir() if not each.name.startswith("."))


def _remove(claim: Path) -> None:
    """Remove a claim unless a file is in it."""
    if any(_files(claim)):
        return
    with suppress(OSError):
        for path in claim.glob(".*"):
            path.unlink(missing_ok=True)
        claim.rmdir()


def _counter_of(file: Path) -> Path:
    return _hidden_beside(file, _DEATHS)


def _hidden_beside(file: Path, ending: str) -> Path:
    return beside(file, ending, beginning=".")


def _note_deaths(file: Path, deaths: int) -> None:
    """Note them beside a file; none takes no room, which a full disk does not have."""
    if deaths:
        _counter_of(file).write_text(str(deaths), encoding="ascii")
    else:
        _counter_of(file).unlink(missing_ok=True)


def _deaths(file: Path) -> int:
    """Count the publishers that have died with a file in hand, as far as that is noted."""
    try:
        return int(_counter_of(file).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
