"""Publishers that watch a folder are killed, and the folder is full, read-only, or gone."""

import random
import subprocess
import time
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from contracts.topology import EVENTS_QUEUE
from tests.faults.conftest import Record
from tests.faults.folders import WatchedFolder, Watcher
from tests.faults.proxy import Proxy
from tests.faults.syscalls import killed_before
from tests.faults.system import System, fill, waiting
from tests.services import eventually

_NAME = "events"


@pytest.fixture
def folder(system: System, tmp_path: Path) -> WatchedFolder:
    return WatchedFolder(system, tmp_path / "in")


def _before_the_claim(folder: WatchedFolder, watcher: Watcher) -> AbstractContextManager[None]:
    return killed_before(watcher.pid, "rename", path=folder.path / _NAME)


def _after_the_claim(_: WatchedFolder, watcher: Watcher) -> AbstractContextManager[None]:
    return killed_before(watcher.pid, "openat", path=watcher.claims / _NAME)


def _in_the_middle(_: WatchedFolder, watcher: Watcher) -> AbstractContextManager[None]:
    return killed_before(watcher.pid, "read", path=watcher.claims / _NAME, nth=_MIDDLE)


def _after_the_last_confirmation(
    folder: WatchedFolder, watcher: Watcher
) -> AbstractContextManager[None]:
    return killed_before(watcher.pid, "mkdir", path=folder.path / "done")


def _before_the_move(_: WatchedFolder, watcher: Watcher) -> AbstractContextManager[None]:
    return killed_before(watcher.pid, "rename", path=watcher.claims / _NAME)


@contextmanager
def _after_the_move(folder: WatchedFolder, watcher: Watcher) -> Iterator[None]:
    yield
    folder.wait_until_done()
    watcher.service.kill()


# The file is read in parts; by half of them there is something published, and not all.
_EVENTS, _MIDDLE = 1_000, 12


@pytest.mark.parametrize(
    ("killed", "is_claimed", "published"),
    [
        pytest.param(_before_the_claim, False, [0], id="before the claim", marks=pytest.mark.long),
        pytest.param(_after_the_claim, True, [0], id="after the claim", marks=pytest.mark.long),
        pytest.param(_in_the_middle, True, range(1, _EVENTS), id="in the middle"),
        pytest.param(
            _after_the_last_confirmation,
            True,
            [_EVENTS],
            id="after the last confirmation",
            marks=pytest.mark.long,
        ),
        pytest.param(_before_the_move, True, [_EVENTS], id="before the move"),
        pytest.param(
            _after_the_move, False, [_EVENTS], id="after the move", marks=pytest.mark.long
        ),
    ],
)
@pytest.mark.fault("folder's publisher killed (-9) at each step of a file")
def test_a_publisher_killed_at_any_step_of_a_file_loses_and_doubles_nothing(
    killed: Callable[[WatchedFolder, Watcher], AbstractContextManager[None]],
    is_claimed: bool,
    published: Container[int],
    system: System,
    folder: WatchedFolder,
    record: Record,
) -> None:
    system.environment["PUBLISHER_BATCH_SIZE"] = "1"
    first = folder.watch()
    with killed(folder, first):
        folder.drop(_NAME, system.reports.take(_EVENTS))
    first.service.process.wait(60)

    assert first.in_hand == ([_NAME] if is_claimed else [])
    eventually(lambda: waiting(system.broker, EVENTS_QUEUE.name) in published)
    first.leave()
    folder.watch()
    folder.wait_until_done()
    record(1, system, system.start_consumer())


@pytest.mark.parametrize(
    "polling",
    [
        pytest.param(
            "false", marks=pytest.mark.fault("folder's publishers, one of two killed (-9)")
        ),
        pytest.param(
            "true",
            marks=[
                pytest.mark.long,
                pytest.mark.fault("folder's publishers, one of two killed (-9), both polling"),
            ],
        ),
    ],
)
def test_two_publishers_share_a_folder_while_one_is_killed_again_and_again(
    polling: str,
    system: System,
    folder: WatchedFolder,
    chance: random.Random,
    full: bool,
    record: Record,
) -> None:
    kills = 5 if full else 2
    system.environment["PUBLISHER_FOLDER_POLLING"] = polling
    consumer = system.start_consumer()
    folder.watch()
    numbers = count()
    for _ in range(kills):
        killed = folder.watch()
        # A file takes two, if the other publisher is not quicker.
        with killed_before(killed.pid, "rename", nth=chance.randrange(1, 6)):
            while not killed.is_gone():
                folder.drop(f"events-{next(numbers)}", system.reports.take(20))
                time.sleep(0.1)
        killed.leave()
    folder.wait_until_done()
    record(kills, system, consumer)


@contextmanager
def _gone(folder: Path) -> Iterator[None]:
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    yield
    elsewhere.rename(folder)


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    _remount(folder.parent, "ro")
    yield
    _remount(folder.parent, "rw")


def _remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


@pytest.mark.parametrize(
    "taken_away",
    [
        pytest.param(
            _gone, id="gone", marks=pytest.mark.fault("folder gone and back, a file in hand")
        ),
        pytest.param(
            _read_only,
            id="read-only",
            marks=pytest.mark.fault("folder read-only, a file in hand"),
        ),
    ],
)
def test_what_is_published_while_the_folder_is_taken_away_is_put_away_once_it_is_back(
    taken_away: Callable[[Path], AbstractContextManager[None]],
    system: System,
    proxy: Proxy,
    small_disk: Path,
    record: Record,
) -> None:
    folder = WatchedFolder(system, small_disk / "in")
    consumer, watcher = system.start_consumer(), _watching_behind(proxy, system, folder)
    proxy.freeze()
    folder.drop(_NAME, system.reports.take(100))
    eventually(lambda: watcher.in_hand == [_NAME])
    with taken_away(folder.path):
        proxy.reset()
        eventually(lambda: "folder" in (watcher.service.readiness() or {}))
        eventually(lambda: len(list(system.stored(consumer))) == len(system.reports.distinct))
    folder.wait_until_done()
    watcher.service.wait_until_ready()
    record(1, system, consumer)


def _watching_behind(proxy: Proxy, system: System, folder: WatchedFolder) -> Watcher:
    """Start a publisher which has a file in hand for as long as the proxy lets nothing through."""
    system.environment["RABBITMQ_URL"] = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    return folder.watch()


@pytest.mark.fault("folder without room, a file with rejects in hand")
def test_without_room_for_rejects_a_file_waits_until_there_is_some(
    system: System, small_disk: Path, record: Record
) -> None:
    folder = WatchedFolder(system, small_disk)
    consumer, watcher = system.start_consumer(), folder.watch()
    # More than what is written at once.
    reject = b'{"patient_id": "%s"}\n' % (b"x" * 10_000)
    events = b"".join(report.line for report in system.reports.take(100))
    folder.prepare(_NAME, events + reject * 10)
    filler = small_disk / ".filler"
    fill(filler)
    folder.complete(_NAME)
    eventually(lambda: "No space left" in (watcher.service.readiness() or {}).get("folder", ""))
    assert watcher.in_hand == [_NAME]
    filler.unlink()
    folder.wait_until_done()
    watcher.service.wait_until_ready()
    record(1, system, consumer)
    assert (small_disk / "done" / f"{_NAME}.rejects.jsonl").read_bytes().count(b"\n") == 10


@pytest.mark.fault("folder's file written to while it is published")
def test_what_is_written_to_a_file_while_it_is_published_is_published_too(
    system: System, folder: WatchedFolder, proxy: Proxy, record: Record
) -> None:
    consumer, watcher = system.start_consumer(), _watching_behind(proxy, system, folder)
    proxy.freeze()
    folder.drop(_NAME, system.reports.take(100))
    eventually(lambda: watcher.in_hand == [_NAME])
    folder.append(watcher.claims / _NAME, system.reports.take(100))
    proxy.reset()
    folder.wait_until_done()
    record(1, system, consumer)
