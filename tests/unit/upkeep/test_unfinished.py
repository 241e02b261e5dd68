"""What takes long to write has its name once it is whole, and nothing of it is left before."""

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
    place.parent.mkdir()
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


def test_what_others_have_put_beside_it_stays(target: Path) -> None:
    theirs = Path(f"{target}.unfinished", "theirs")
    theirs.parent.mkdir()
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
