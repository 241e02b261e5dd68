"""Files that fall into a folder are published, and lie in done/ or failed/ then."""

import asyncio
import errno
import gzip
import json
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from faststream.rabbit import RabbitBroker

from contracts import MedicationEvent, Report
from publisher_app import main
from publisher_app.failures import NotConfirmed
from publisher_app.formats.recognition import Formats
from publisher_app.inputs import folder as folder_module
from publisher_app.inputs.claims import Claims
from publisher_app.inputs.files import open_file
from publisher_app.inputs.folder import Folder
from publisher_app.inputs.resting import Resting
from publisher_app.intake import Intake
from publisher_app.publishing import EventPublisher
from publisher_app.rejects import Rejects
from publisher_app.settings import PublisherSettings

EVENT = {
    "patient_id": "2",
    "medication_name": "Y",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
LINE = json.dumps(EVENT) + "\n"


class Confirming(EventPublisher):
    """Confirms what is published, but for as many times as it is told not to."""

    def __init__(self) -> None:
        super().__init__(RabbitBroker(), give_up_after=1)
        self.patients: list[str] = []
        self.runs: list[str | None] = []
        self.not_confirmed = 0
        self.refused = asyncio.Event()

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        if self.not_confirmed:
            self.not_confirmed -= 1
            self.refused.set()
            raise NotConfirmed("RabbitMQ has not confirmed")
        self.patients += [each.patient_id for each in reports if isinstance(each, MedicationEvent)]
        self.runs.append(run)
        assert source is not None
        assert source.startswith("file ")


@pytest.fixture(autouse=True)
def at_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher_app.inputs.resting.WHOLE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(folder_module, "_PAUSE_SECONDS", 0.0)


@pytest.fixture
async def publisher() -> Confirming:
    return Confirming()


def watched(
    path: Path,
    publisher: Confirming,
    *,
    polling: bool = False,
    watched_apart: Sequence[str] = (),
) -> Folder:
    settings = PublisherSettings()
    return Folder(
        path,
        open_file,
        Formats(settings),
        Intake(publisher, settings),
        polling=polling,
        watched_apart=watched_apart,
    )


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_a_file_is_done_once_all_is_confirmed(tmp_path: Path, publisher: Confirming) -> None:
    (tmp_path / "a.jsonl").write_text(LINE)
    await watched(tmp_path, publisher).take_all()

    assert publisher.patients == ["2"]
    assert names(tmp_path) == [".claims", "done"]
    assert (tmp_path / "done" / "a.jsonl").read_text() == LINE


async def test_what_is_not_confirmed_is_tried_again_and_never_fails(
    tmp_path: Path, publisher: Confirming, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jsonl").write_text(LINE)
    publisher.not_confirmed = 2
    await watched(tmp_path, publisher).take_all()

    assert publisher.patients == ["2"]
    assert names(tmp_path / "done") == ["a.jsonl"]
    assert not (tmp_path / "failed").exists()
    told = f"{tmp_path}/a.jsonl: RabbitMQ has not confirmed; trying again"
    assert caplog.messages[:2] == [told, told]


async def test_an_unreadable_file_fails_once_with_its_reason(
    tmp_path: Path,
    publisher: Confirming,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("publisher_app.inputs.resting.LEFT_AFTER_SECONDS", 0.0)
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    folder = watched(tmp_path, publisher)
    await folder.take_all()
    await folder.take_all()

    assert names(tmp_path / "failed") == ["a.zip", "a.zip.reason"]
    reason = (tmp_path / "failed" / "a.zip.reason").read_text()
    assert reason.startswith("a.zip can't be read: it is ")
    assert ".claims" not in reason
    assert publisher.patients == []
    told = reason.strip().removeprefix("a.zip ")
    assert f"a.zip is in {tmp_path}/failed/: {told}" in caplog.messages


async def test_an_error_of_the_program_fails_a_file_and_tells_no_patient(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("patient 2")

    (tmp_path / "a.jsonl").write_text(LINE)
    monkeypatch.setattr(Formats, "recognise", broken)
    await watched(tmp_path, publisher).take_all()

    reason = (tmp_path / "failed" / "a.jsonl.reason").read_text()
    assert reason == "an error of this program: KeyError\n"


async def test_an_error_of_the_program_at_a_look_is_told_and_ends_no_watching(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("patient 2")

    (tmp_path / "a.jsonl").write_text(LINE)
    folder = watched(tmp_path, publisher)
    with monkeypatch.context() as patched:
        patched.setattr(Resting, "complete", broken)
        await folder.take_all()
        problem = await folder.problem()
    assert problem == f"{tmp_path} can't be used: an error of this program: KeyError"

    await folder.take_all()
    assert await folder.problem() is None
    assert publisher.patients == ["2"]


async def test_rejects_lie_beside_a_file_that_is_done(
    tmp_path: Path, publisher: Confirming
) -> None:
    (tmp_path / "a.jsonl").write_text(LINE + json.dumps(EVENT | {"action": "begin"}) + "\n")
    await watched(tmp_path, publisher).take_all()

    assert publisher.patients == ["2"]
    assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.rejects.jsonl"]
    reject = json.loads((tmp_path / "done" / "a.jsonl.rejects.jsonl").read_text())
    assert reject["line"] == 2


async def test_a_name_that_is_done_already_gets_a_number(
    tmp_path: Path, publisher: Confirming
) -> None:
    folder = watched(tmp_path, publisher)
    for patient in ("1", "2"):
        (tmp_path / "a.jsonl").write_text(json.dumps(EVENT | {"patient_id": patient}) + "\n")
        await folder.take_all()

    assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.2"]
    assert '"1"' in (tmp_path / "done" / "a.jsonl").read_text()


async def test_what_a_dead_publisher_left_is_published_as_the_same_run(
    tmp_path: Path, publisher: Confirming
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(LINE)
    os.utime(file, (1_600_000_000, 1_600_000_000))
    dead = Claims(tmp_path)
    dead.touch()
    dead.take(file)
    folder = watched(tmp_path, publisher)
    await folder.take_all()
    assert publisher.patients == []  # it may live

    for beat in (tmp_path / ".claims").glob("*/.beat"):
        os.utime(beat, (0, 0))
    await folder.take_all()

    assert publisher.runs == [f"a.jsonl/{len(LINE)}/2020-09-13T12:26:40.000000Z"]
    assert names(tmp_path / "done") == ["a.jsonl"]
    await folder.take_all()
    assert len(names(tmp_path / ".claims")) == 1  # its own


async def test_a_publisher_killed_after_the_last_confirmation_leaves_nothing_undone(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    (tmp_path / "a.jsonl").write_text(LINE)
    with monkeypatch.context() as patched:
        patched.setattr(folder_module, "_reserved", die)
        with pytest.raises(Killed):
            await watched(tmp_path, publisher).take_all()
    assert publisher.patients == ["2"]
    for beat in (tmp_path / ".claims").glob("*/.beat"):
        os.utime(beat, (0, 0))
    await watched(tmp_path, publisher).take_all()

    assert len(set(publisher.runs)) == 1  # the same run: the second time counts nothing
    assert names(tmp_path / "done") == ["a.jsonl"]


async def test_a_stopped_publisher_lets_others_go_on_at_once(
    tmp_path: Path, publisher: Confirming
) -> None:
    (tmp_path / "a.jsonl").write_text(LINE)
    publisher.not_confirmed = 1_000_000_000
    task = asyncio.create_task(watched(tmp_path, publisher).watch())
    async with asyncio.timeout(10):
        await publisher.refused.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    publisher.not_confirmed = 0
    await watched(tmp_path, publisher).take_all()
    assert names(tmp_path / "done") == ["a.jsonl"]


async def test_two_who_share_a_folder_publish_each_file_once(
    tmp_path: Path, publisher: Confirming
) -> None:
    for number in range(50):
        event = EVENT | {"patient_id": str(number)}
        (tmp_path / f"{number}.jsonl").write_text(json.dumps(event) + "\n")
    await asyncio.gather(*(watched(tmp_path, publisher).take_all() for _ in range(2)))

    assert sorted(publisher.patients, key=int) == [str(number) for number in range(50)]
    assert len(names(tmp_path / "done")) == 50


async def test_what_is_confirmed_and_cannot_be_put_away_is_not_published_again(
    tmp_path: Path, publisher: Confirming
) -> None:
    (tmp_path / "a.jsonl").write_text(LINE)
    (tmp_path / "done").write_text("no directory")
    folder = watched(tmp_path, publisher)
    for _ in range(10):
        await folder.take_all()
    assert await folder.problem() == f"{tmp_path / 'done'} can't be used: File exists"
    assert publisher.patients == ["2"]

    (tmp_path / "done").unlink()
    await folder.take_all()
    assert await folder.problem() is None
    assert publisher.patients == ["2"]
    assert names(tmp_path) == [".claims", "done"]
    assert names(tmp_path / "done") == ["a.jsonl"]


async def test_without_room_for_rejects_a_file_waits_and_readiness_says_why(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a.jsonl").write_text(LINE + json.dumps(EVENT | {"action": "begin"}) + "\n")
    folder = watched(tmp_path, publisher)
    with monkeypatch.context() as patched:
        patched.setattr(Rejects, "_new", full)
        for _ in range(10):
            await folder.take_all()
        problem = await folder.problem()
    assert problem == f"{tmp_path}: the rejects can't be written: No space left on device"
    assert names(tmp_path) == [".claims"]

    await folder.take_all()
    assert await folder.problem() is None
    assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.rejects.jsonl"]


async def test_a_move_that_breaks_off_leaves_nothing_half_done_and_keeps_the_rejects(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def broken(path: Path, to: Path) -> Path:
        if path.name == "a.jsonl":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(path, to)

    (tmp_path / "a.jsonl").write_text(LINE + json.dumps(EVENT | {"action": "begin"}) + "\n")
    folder = watched(tmp_path, publisher)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", broken)
        await folder.take_all()
    assert await folder.problem() == f"{tmp_path} can't be used: Input/output error"
    assert names(tmp_path / "done") == []

    await folder.take_all()
    assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.rejects.jsonl"]
    assert len(set(publisher.runs)) == 1


async def test_a_file_whose_folder_goes_while_it_is_read_does_not_fail(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    path.mkdir()
    (path / "a.jsonl").write_text(LINE)
    folder = watched(path, publisher)
    take = Claims.take

    def take_and_lose(claims: Claims, file: Path) -> Path | None:
        claimed = take(claims, file)
        path.rename(elsewhere)
        return claimed

    with monkeypatch.context() as patched:
        patched.setattr(Claims, "take", take_and_lose)
        await folder.take_all()
    await folder.take_all()
    assert await folder.problem() == f"{path} can't be used: No such file or directory"

    elsewhere.rename(path)
    await folder.take_all()
    assert await folder.problem() is None
    assert names(path) == [".claims", "done"]
    assert publisher.patients == ["2"]


def left_by(path: Path, file: Path) -> Path:
    """Have another publisher die with a file in hand; return where it lies."""
    dead = Claims(path)
    dead.touch()
    claimed = dead.take(file)
    assert claimed is not None
    for beat in (path / ".claims").glob("*/.beat"):
        os.utime(beat, (0, 0))
    return claimed


async def test_a_file_with_which_five_publishers_have_died_fails(
    tmp_path: Path, publisher: Confirming
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(LINE)
    for _ in range(5):
        file = left_by(tmp_path, file)
    await watched(tmp_path, publisher).take_all()

    assert publisher.patients == []
    assert names(tmp_path / "failed") == ["a.jsonl", "a.jsonl.reason"]
    reason = (tmp_path / "failed" / "a.jsonl.reason").read_text()
    assert "has died" in reason
    assert "If something else ended them, move it back" in reason


def test_a_file_that_is_kept_waiting_is_not_taken_for_one_that_kills(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINE)
    claims = Claims(tmp_path)
    claims.touch()
    claimed = claims.take(tmp_path / "a.jsonl")
    assert claimed is not None
    for _ in range(10):
        assert claims.take(claimed) == claimed
    assert not claims.has_killed(claimed)


async def test_two_files_of_one_name_that_were_left_are_both_published(
    tmp_path: Path, publisher: Confirming
) -> None:
    for patient in ("1", "2", "3"):
        file = tmp_path / "a.jsonl"
        file.write_text(json.dumps(EVENT | {"patient_id": patient}) + "\n")
        left_by(tmp_path, file)
    await watched(tmp_path, publisher).take_all()

    assert sorted(publisher.patients) == ["1", "2", "3"]
    assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.2", "a.jsonl.3"]


def test_a_file_in_hand_is_never_replaced_by_another_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    claims = Claims(tmp_path)
    claims.touch()
    file.write_text("first")
    claimed = claims.take(file)
    file.write_text("second")
    assert claims.take(file) is None
    assert claimed is not None
    assert claimed.read_text() == "first"
    assert file.read_text() == "second"


async def test_polling_sees_what_comes_without_being_told(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_RESCAN_SECONDS", 600.0)
    folder = watched(tmp_path, publisher, polling=True)
    task = asyncio.create_task(folder.watch())
    async with asyncio.timeout(30):
        while not publisher.patients:
            # Again and again, as it may not watch yet.
            (tmp_path / f"{time.monotonic_ns()}.jsonl").write_text(LINE)
            await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_folder_that_is_not_there_is_a_problem_until_it_comes(
    tmp_path: Path, publisher: Confirming
) -> None:
    path = tmp_path / "in"
    folder = watched(path, publisher)
    await folder.take_all()
    assert await folder.problem() == f"{path} can't be used: No such file or directory"
    assert not path.exists()

    path.mkdir()
    await folder.take_all()
    assert await folder.problem() is None


def test_a_whole_file_rests_two_seconds_and_another_sixty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher_app.inputs.resting.WHOLE_AFTER_SECONDS", 2.0)
    packed = gzip.compress(LINE.encode())
    contents = {
        "whole": LINE.encode(),
        "whole.gz": packed,
        "whole.hl7": b"\x0bMSH|^~\\&|A\rPID|1\r\x1c\r",
        "cut": LINE.encode()[:-1],
        "cut.gz": packed[:-9],
        "empty": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    resting = Resting(tmp_path)

    def complete(now: float) -> list[str]:
        return sorted(path.name for path in resting.complete(now))

    assert complete(0) == []
    assert complete(1.9) == []
    assert complete(2) == ["whole", "whole.gz", "whole.hl7"]
    assert complete(59.9) == ["whole", "whole.gz", "whole.hl7"]
    assert complete(60) == ["cut", "cut.gz", "empty", "whole", "whole.gz", "whole.hl7"]


def test_a_file_that_grows_begins_to_rest_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher_app.inputs.resting.WHOLE_AFTER_SECONDS", 2.0)
    file = tmp_path / "a.jsonl"
    file.write_text(LINE)
    resting = Resting(tmp_path)
    assert resting.complete(0) == []
    file.write_text(LINE * 2)
    assert resting.complete(3) == []
    assert resting.complete(5) == [file]


def test_hidden_and_unfinished_names_directories_and_links_are_left_alone(tmp_path: Path) -> None:
    for name in (".a.jsonl", "a.part", "a.tmp"):
        (tmp_path / name).write_text(LINE)
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a.tmp")
    resting = Resting(tmp_path)

    assert resting.complete(0) == []
    assert resting.complete(1_000) == []


@pytest.mark.parametrize("name", ["folder", "input", "rejects"])
def test_a_place_that_is_set_to_nothing_is_none_and_not_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"PUBLISHER_{name.upper()}", "")
    assert getattr(PublisherSettings(), name) is None


REJECTED = LINE + json.dumps(EVENT | {"action": "begin"}) + "\n"


@pytest.mark.parametrize(
    "content", [LINE, REJECTED, "PK\x03\x04\n"], ids=["done", "rejects", "zip"]
)
@pytest.mark.parametrize(
    "name",
    [b"a" * 240, b"a" * 248, b"a" * 255, "ä".encode() * 127, b"\xdcbersicht.csv", b"a\nb.csv"],
    ids=["240 bytes", "248 bytes", "255 bytes", "two bytes a letter", "no UTF-8", "two lines"],
)
async def test_whatever_its_name_is_a_file_is_put_away_and_those_behind_it_are_published(
    tmp_path: Path,
    publisher: Confirming,
    caplog: pytest.LogCaptureFixture,
    name: bytes,
    content: str,
) -> None:
    caplog.set_level("INFO")
    file, behind = tmp_path / os.fsdecode(name), tmp_path / "z.jsonl"
    folder = watched(tmp_path, publisher)
    for _ in range(2):  # the second gets a number
        file.write_text(content)
        os.utime(file, (0, 0))
        behind.write_text(LINE)
        await folder.take_all()
        assert await folder.problem() is None

    where, beside_it = ("failed", "reason") if content.startswith("PK") else ("done", "rejects")
    files = [each for each in (tmp_path / where).iterdir() if each.read_text() == content]
    assert file.name in {each.name for each in files}
    assert len(files) == 2 * (1 + (content == LINE))
    beside_them = [each for each in (tmp_path / where).iterdir() if f".{beside_it}" in each.name]
    assert len(beside_them) == (0 if content == LINE else 2)
    assert all(each.stat().st_size for each in beside_them)
    assert {"z.jsonl", "z.jsonl.2"} <= {*names(tmp_path / "done")}
    (claim,) = (tmp_path / ".claims").iterdir()
    assert names(claim) == [".beat"]
    told = "".join(caplog.messages)
    assert told.encode().isascii() or "ä" in told
    assert "\n" not in told


async def test_a_dead_publisher_counts_for_a_file_with_a_long_name_too(
    tmp_path: Path, publisher: Confirming
) -> None:
    file = tmp_path / ("a" * 255)
    file.write_text(LINE)
    for _ in range(5):
        file = left_by(tmp_path, file)
    await watched(tmp_path, publisher).take_all()
    assert file.name in names(tmp_path / "failed")


async def test_a_file_that_cannot_be_taken_waits_is_told_once_and_ends_no_look(
    tmp_path: Path,
    publisher: Confirming,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rename, tries = Path.rename, 0

    def forbidden(path: Path, to: Path) -> Path:
        nonlocal tries
        if path.name == "MILLER.jsonl":
            tries += 1
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        return rename(path, to)

    (tmp_path / "MILLER.jsonl").write_text(LINE)
    os.utime(tmp_path / "MILLER.jsonl", (0, 0))
    (tmp_path / "z.jsonl").write_text(LINE)
    folder = watched(tmp_path, publisher)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", forbidden)
        for _ in range(3):
            await folder.take_all()
        assert tries == 3
        assert names(tmp_path / "done") == ["z.jsonl"]
        told = f"{tmp_path} can't be used: Operation not permitted"
        assert await folder.problem() == told
        assert [each for each in caplog.messages if "MILLER" in each or told in each] == [
            f"{told}; trying again"
        ]

        patched.setattr(folder_module, "_PAUSE_SECONDS", 600.0)
        for _ in range(3):
            await folder.take_all()
        assert tries == 4

    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 600)
    await folder.take_all()
    assert await folder.problem() is None
    assert names(tmp_path / "done") == ["MILLER.jsonl", "z.jsonl"]


async def test_an_error_of_the_program_as_a_file_is_moved_leaves_nothing_behind(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("patient 2")

    (tmp_path / "a.jsonl").write_text("PK\x03\x04\n")
    (tmp_path / "z.jsonl").write_text(LINE)
    folder = watched(tmp_path, publisher)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", broken)
        for _ in range(3):
            await folder.take_all()
    told = f"{tmp_path} can't be used: an error of this program: KeyError"
    assert await folder.problem() == told
    assert names(tmp_path / "failed") == []
    assert names(tmp_path / "done") == ["z.jsonl"]

    await folder.take_all()
    assert names(tmp_path / "failed") == ["a.jsonl", "a.jsonl.reason"]


async def test_a_name_is_free_only_where_that_of_what_lies_beside_it_is(
    tmp_path: Path, publisher: Confirming
) -> None:
    for where, beside_it in (("done", "a.jsonl.rejects.jsonl"), ("failed", "a.zip.reason")):
        (tmp_path / where).mkdir()
        (tmp_path / where / beside_it).write_text("somebody's")
    (tmp_path / "a.jsonl").write_text(REJECTED)
    (tmp_path / "a.zip").write_text("PK\x03\x04\n")
    await watched(tmp_path, publisher).take_all()

    assert names(tmp_path / "done") == [
        "a.jsonl.2",
        "a.jsonl.2.rejects.jsonl",
        "a.jsonl.rejects.jsonl",
    ]
    assert names(tmp_path / "failed") == ["a.zip.2", "a.zip.2.reason", "a.zip.reason"]
    assert (tmp_path / "done" / "a.jsonl.rejects.jsonl").read_text() == "somebody's"
    assert (tmp_path / "failed" / "a.zip.reason").read_text() == "somebody's"


async def test_a_file_that_is_taken_over_before_its_move_costs_no_file_of_another(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved = folder_module._reserved

    def taken_over(*arguments: object) -> object:
        (claimed,) = tmp_path.glob(".claims/*/a.zip")
        claimed.rename(tmp_path / ".elsewhere")
        return reserved(*arguments)  # type: ignore[arg-type]

    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "a.zip.reason").write_text("somebody's")
    (tmp_path / "a.zip").write_text("PK\x03\x04\n")
    monkeypatch.setattr(folder_module, "_reserved", taken_over)
    folder = watched(tmp_path, publisher)
    await folder.take_all()

    assert await folder.problem() is None
    assert names(tmp_path / "failed") == ["a.zip.reason"]


async def test_what_is_confirmed_waits_for_its_move_while_others_come_and_go(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def broken(path: Path, to: Path) -> Path:
        if path.name == "a.jsonl":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return replace(path, to)

    (tmp_path / "a.jsonl").write_text(REJECTED)
    folder = watched(tmp_path, publisher)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", broken)
        for number in range(3):
            (tmp_path / f"z{number}.jsonl").write_text(REJECTED)
            await folder.take_all()
        assert await folder.problem() == f"{tmp_path / '.claims'} can't be used: Input/output error"
    await folder.take_all()

    assert len(publisher.patients) == 4
    assert len(names(tmp_path / "done")) == 8
    rejects = json.loads((tmp_path / "done" / "a.jsonl.rejects.jsonl").read_text())
    assert rejects["run"].startswith("a.jsonl/")


async def test_what_is_written_to_a_file_after_its_move_is_published_too(
    tmp_path: Path, publisher: Confirming, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jsonl").write_text(REJECTED)
    folder = watched(tmp_path, publisher)
    with (tmp_path / "a.jsonl").open("a") as writing:
        for patient in ("3", "4"):
            await folder.take_all()
            assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.rejects.jsonl"]
            writing.write(json.dumps(EVENT | {"patient_id": patient}) + "\n")
            writing.flush()
    await folder.take_all()

    assert publisher.patients == ["2", "2", "3", "2", "3", "4"]
    assert names(tmp_path / "done") == ["a.jsonl", "a.jsonl.rejects.jsonl"]
    assert "NAME.part" in "".join(caplog.messages)


async def test_what_is_done_is_looked_at_for_no_longer_than_a_writer_may_be_slow(
    tmp_path: Path, publisher: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SETTLED_SECONDS", 0.0)
    (tmp_path / "a.jsonl").write_text(LINE)
    folder = watched(tmp_path, publisher)
    for _ in range(2):
        await folder.take_all()
    (tmp_path / "done" / "a.jsonl").write_text(LINE * 2)
    await folder.take_all()
    assert publisher.patients == ["2"]


async def test_a_file_that_is_being_written_holds_up_no_other(
    tmp_path: Path,
) -> None:
    class Written(Confirming):
        async def publish(
            self, reports: Sequence[Report], run: str | None, source: str | None = None
        ) -> None:
            await super().publish(reports, run, source)
            writing.write(LINE)
            writing.flush()

    (tmp_path / "a.jsonl").write_text(LINE)
    (tmp_path / "z.jsonl").write_text(LINE)
    with (tmp_path / "a.jsonl").open("a") as writing:
        os.utime(tmp_path / "a.jsonl", (0, 0))
        await watched(tmp_path, Written()).take_all()
    assert names(tmp_path / "done") == ["z.jsonl"]


async def test_a_directory_that_nobody_watches_is_told_once(
    tmp_path: Path, publisher: Confirming, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name in ("ward", "other", ".profiles"):
        (tmp_path / name).mkdir()
    (tmp_path / "a.jsonl").write_text(LINE)
    folder = watched(tmp_path, publisher, watched_apart=["ward"])
    for _ in range(2):
        await folder.take_all()
    alone = "is left alone: one in the folder that is named as a profile, and is there at the"
    told = [each for each in caplog.messages if each.startswith("the directory")]
    assert told == [f"the directory {tmp_path}/other {alone} start, is watched"]
    assert any(f"a.jsonl is in {tmp_path}/done/: published 1" in each for each in caplog.messages)


def test_what_is_watched_and_by_which_profile_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / ".profiles").mkdir()
    (tmp_path / ".profiles" / "ward.toml").touch()
    for name in ("ward", "intervals", "other"):
        (tmp_path / name).mkdir()
    begun: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def keep(
        *_: object, beside: list[Callable[[], Coroutine[Any, Any, None]]], **__: object
    ) -> None:
        begun.extend(beside)

    async def watch(_: Folder) -> None: ...

    monkeypatch.setattr(main, "HttpApp", keep)
    monkeypatch.setattr(Folder, "watch", watch)
    main.make_app(PublisherSettings(folder=tmp_path))
    for work in begun:
        asyncio.run(work())
    assert caplog.messages == [
        f"{tmp_path} is watched, and read without a profile",
        f"{tmp_path}/intervals is watched, and read by the profile intervals",
        f"{tmp_path}/ward is watched, and read by the profile ward",
    ]


@pytest.mark.parametrize(
    ("directory", "told"),
    [
        (
            "omop-drug-exposure",
            "PUBLISHER_FOLDER: the directory omop-drug-exposure: the profile of that name ranks by",
        ),
        ("ward", "PUBLISHER_FOLDER: the directory ward: ward.toml is not TOML"),
    ],
)
def test_a_directory_whose_profile_can_not_be_used_ends_the_start_by_its_name(
    directory: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".profiles").mkdir()
    (tmp_path / ".profiles" / "ward.toml").write_text("[")
    (tmp_path / directory).mkdir()

    def end(reason: object) -> None:
        raise SystemExit(str(reason))

    monkeypatch.setattr(main, "can_not_start", end)
    with pytest.raises(SystemExit) as caught:
        main.make_app(PublisherSettings(folder=tmp_path))
    assert str(caught.value).startswith(told)


def test_the_profile_of_a_whole_folder_that_ranks_by_an_export_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(reason: object) -> None:
        raise SystemExit(str(reason))

    monkeypatch.setattr(main, "can_not_start", end)
    settings = {"folder": tmp_path, "profile": "omop-drug-exposure"}
    with pytest.raises(SystemExit, match="the profile that PUBLISHER_PROFILE names ranks by"):
        main.make_app(PublisherSettings.model_validate(settings))
