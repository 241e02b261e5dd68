"""What takes long to write has its name once it is whole, and nothing of it is left before."""

import errno
import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.unfinished import created, created_text, unfinished


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "periods.csv"


def write(place: Path, content: bytes) -> None:
    with created(place) as file:
        file.write(content)


def begun_and_killed(target: Path) -> Path:
    """Leave what a process leaves that is killed in the middle."""
    place = Path(f"{target}.unfinished", target.name)
    place.parent.mkdir(0o700)
    write(place, b"half")
    (place.parent / "lock").touch()
    return place


def test_a_file_is_whole_when_it_has_its_name_and_its_owner_alone_reads_it(target: Path) -> None:
    with unfinished(target) as place:
        write(place, b"whole")
        assert not target.exists()

    assert target.read_bytes() == b"whole"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [*target.parent.iterdir()] == [target]


def test_a_folder_has_its_name_once_all_of_it_is_written(target: Path) -> None:
    with unfinished(target) as place:
        place.mkdir()
        with created_text(place / "map.csv") as text:
            text.write("é\r\n")
        assert not target.exists()

    assert (target / "map.csv").read_bytes() == "é\r\n".encode()
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("as_folder", [False, True], ids=["file", "folder"])
def test_nothing_is_left_of_what_is_given_up(
    target: Path, error: type[BaseException], as_folder: bool
) -> None:
    def give_up(place: Path) -> None:
        if as_folder:
            place.mkdir()
        write(place / "map.csv" if as_folder else place, b"half")
        raise error

    with pytest.raises(error), unfinished(target) as place:
        give_up(place)

    assert [*target.parent.iterdir()] == []


@pytest.mark.parametrize("as_folder", [False, True], ids=["file", "folder"])
def test_what_is_there_stays_as_it_is(target: Path, as_folder: bool) -> None:
    target.mkdir() if as_folder else target.write_bytes(b"kept")

    with (
        pytest.raises(CommandFailed, match="is there already: name another"),
        unfinished(target),
    ):
        pytest.fail("it is begun")

    assert [*target.parent.iterdir()] == [target]


def test_what_was_begun_by_a_process_that_was_killed_is_begun_anew_and_that_is_said(
    target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = begun_and_killed(target)
    with unfinished(target) as place:
        assert place == left
        assert not left.exists()
        write(place, b"whole")

    told = capsys.readouterr()
    assert told.err == f"{target} was begun before, and not finished: it is begun anew\n"
    assert target.read_bytes() == b"whole"
    assert [*target.parent.iterdir()] == [target]


def test_only_one_process_writes_it_at_a_time(target: Path) -> None:
    with unfinished(target) as place:
        write(place, b"whole")
        with (
            pytest.raises(CommandFailed, match=r"is being written by another process$"),
            unfinished(target),
        ):
            pytest.fail("it is begun")

    assert target.read_bytes() == b"whole"


def test_whoever_gets_a_lock_that_was_taken_away_meanwhile_has_none(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    with ExitStack() as others:

        def lock_late(file: int, how: int) -> None:
            # Since it was opened, who had it has ended, and somebody else begun.
            monkeypatch.setattr(fcntl, "flock", lock)
            Path(f"{target}.unfinished", "lock").unlink()
            write(others.enter_context(unfinished(target)), b"theirs")
            lock(file, how)

        monkeypatch.setattr(fcntl, "flock", lock_late)
        with (
            pytest.raises(CommandFailed, match=r"is being written by another process$"),
            unfinished(target),
        ):
            pytest.fail("it is begun")

    assert target.read_bytes() == b"theirs"
    assert [*target.parent.iterdir()] == [target]


def test_a_link_that_somebody_has_put_there_is_not_followed(target: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"kept")
    beside = Path(f"{target}.unfinished")
    beside.mkdir(0o700)
    (beside / "lock").symlink_to(precious)

    with pytest.raises(CommandFailed, match="can't be written: "), unfinished(target):
        pytest.fail("it is begun")

    assert precious.read_bytes() == b"kept"


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file", "of somebody else"])
def test_a_folder_that_others_can_enter_is_not_used(
    kind: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, elsewhere = Path(f"{target}.unfinished"), target.parent / "elsewhere"
    elsewhere.mkdir(0o700)
    if kind == "open to others":
        beside.mkdir()
        beside.chmod(0o770)
    elif kind == "a link":
        beside.symlink_to(elsewhere)
    elif kind == "a file":
        beside.write_bytes(b"kept")
    else:
        beside.mkdir(0o700)
        monkeypatch.setattr(os, "geteuid", lambda: beside.stat().st_uid + 1)

    with (
        pytest.raises(CommandFailed, match="is not a folder that you alone can enter: remove it"),
        unfinished(target),
    ):
        pytest.fail("it is begun")

    assert not [*elsewhere.iterdir()]
    assert not target.exists()


@pytest.mark.parametrize("as_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_takes_the_name_meanwhile_stays_as_it_is(
    target: Path, as_folder: bool, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", refused_by_the_file_system)

    def write_while_another_comes() -> None:
        with unfinished(target) as place:
            place.mkdir() if as_folder else write(place, b"ours")
            target.write_bytes(b"theirs")

    with pytest.raises(CommandFailed):
        write_while_another_comes()

    assert target.read_bytes() == b"theirs"
    assert [*target.parent.iterdir()] == [target]


def test_where_a_file_system_has_no_links_a_file_gets_its_name_all_the_same(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refused_by_the_file_system)
    with unfinished(target) as place:
        write(place, b"whole")

    assert target.read_bytes() == b"whole"
    assert [*target.parent.iterdir()] == [target]


def refused_by_the_file_system(*_: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_what_others_have_put_beside_it_stays(target: Path) -> None:
    theirs = Path(f"{target}.unfinished", "theirs")
    theirs.parent.mkdir(0o700)
    theirs.write_bytes(b"kept")
    with unfinished(target) as place:
        write(place, b"whole")

    assert (theirs.read_bytes(), target.read_bytes()) == (b"kept", b"whole")
    assert [*theirs.parent.iterdir()] == [theirs]


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    target = tmp_path / "no-such-folder" / "periods.csv"
    with (
        pytest.raises(CommandFailed, match=r"periods\.csv can't be written: No such file or"),
        unfinished(target),
    ):
        pytest.fail("it is begun")
