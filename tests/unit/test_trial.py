"""What ends a process that reads a message is told, and no other message is blamed for it."""

import asyncio
import os
import sys
from collections.abc import Sequence

import pytest

from benchmarks.memory import longest_message
from consumer_app import memory
from consumer_app import trial as module
from consumer_app.trial import Trial, TrialFailed
from contracts import MAX_MESSAGE_BYTES
from runtime.child import Child
from tests.unit.conftest import until_in_line

GOOD = b"[]"
BAD = b"not json"


@pytest.fixture
def trial() -> Trial:
    return Trial(asyncio.Lock())


def reader(what: str) -> tuple[str, ...]:
    """Give a command that does what a trial does, but for this where a body is a poison."""
    program = f"""
import os, signal, sys, time
# Tests that run in the background, or under nohup, have inherited that they are ignored.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
import consumer_app.trial as trial
read = trial.read_message
def read_message(body):
    if body == b"poison":
        {what}
    return read(body)
trial.read_message = read_message
trial.main()
"""
    return sys.executable, "-c", program


async def test_what_can_be_read_is_not_at_fault_whether_it_keeps_the_contract_or_not(
    trial: Trial,
) -> None:
    large = b" " * (MAX_MESSAGE_BYTES - 1) + b"1"
    assert [await trial.judge(body) for body in (GOOD, BAD, large, b"")] == [None] * 4


async def test_the_least_memory_that_a_trial_has_is_enough_for_the_longest_messages(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up = f"import consumer_app.trial as t; t.for_a_trial = lambda: {memory._LEAST_BYTES}"
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", f"{set_up}; t.main()"))
    longest = longest_message()
    salvaged = longest.replace(b'"start"', b'"pause"', 1)
    assert [await trial.judge(body) for body in (longest, salvaged)] == [None] * 2


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os._exit(3)", "status 3"),
        ("raise ValueError", "status 1"),
        ("bytearray(1 << 30)", "status 1"),
        ("signal.setitimer(signal.ITIMER_PROF, 0.01)\n        while True: pass", "SIGPROF"),
    ],
    ids=["a signal", "a status", "an error", "memory", "the processor"],
)
async def test_what_ends_the_process_is_told_of_that_message_alone(
    what: str, told: str, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", reader(what))

    found = await asyncio.gather(*map(trial.judge, [GOOD, b"poison", GOOD]))

    assert found == [None, f"to read it ends the process: {told}", None]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP"])
@pytest.mark.fault("process that tries a message out ended from outside")
async def test_who_ends_the_process_from_outside_blames_no_message(
    name: str, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", reader(f"os.kill(os.getpid(), signal.{name})"))
    with pytest.raises(TrialFailed, match=f"from outside: {name}"):
        await trial.judge(b"poison")


@pytest.mark.fault("process that tries a message out stalled")
async def test_a_stalled_machine_blames_no_message(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", reader("time.sleep(600)"))
    start = module._start

    async def start_and_hurry() -> Child:
        child = await start()
        monkeypatch.setattr(module, "_DEADLINE_SECONDS", 1.0)
        return child

    monkeypatch.setattr(module, "_start", start_and_hurry)
    with pytest.raises(TrialFailed, match="took longer than 1 s"):
        await trial.judge(b"poison")


@pytest.mark.fault("process that tries a message out stalled")
async def test_a_process_that_never_begins_is_given_up(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    monkeypatch.setattr(module, "_DEADLINE_SECONDS", 0.1)
    with pytest.raises(TrialFailed, match="did not begin"):
        await trial.judge(GOOD)


async def test_a_message_is_not_blamed_for_what_the_one_before_it_has_broken(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it = "trial.read_message = lambda _: os.abort(); return"
    monkeypatch.setattr(module, "COMMAND", reader(break_it))

    found = await asyncio.gather(*map(trial.judge, [b"poison", GOOD, GOOD]))

    assert found == [None] * 3


async def test_that_there_is_no_trial_is_told_until_there_is_one(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await trial.problem() is None

    monkeypatch.setattr(module, "COMMAND", ("/nowhere",))
    with pytest.raises(TrialFailed):
        await trial.judge(GOOD)
    assert await trial.problem() == "the trial can't be started: No such file or directory"

    monkeypatch.setattr(module, "COMMAND", reader("pass"))
    await trial.judge(GOOD)
    assert await trial.problem() is None


async def test_a_trial_that_failed_long_ago_is_no_problem_any_more(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", ("/nowhere",))
    monkeypatch.setattr(module, "_TOLD_SECONDS", 0.0)
    with pytest.raises(TrialFailed):
        await trial.judge(GOOD)
    assert await trial.problem() is None


@pytest.mark.parametrize("command", [("/nowhere",), (sys.executable, "-c", "exit(1)")])
async def test_where_no_trial_begins_no_message_is_blamed(
    command: tuple[str, ...], trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", command)
    with pytest.raises(TrialFailed):
        await trial.judge(b"poison")


async def test_no_process_is_left_behind_by_a_trial_that_is_given_up(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", reader("time.sleep(600)"))
    given_up = asyncio.create_task(trial.judge(b"poison"))
    while trial._child is None:  # noqa: ASYNC110 - nothing else tells
        await asyncio.sleep(0.01)
    process = trial._child

    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up

    assert await process.wait() == -9
    with pytest.raises(ProcessLookupError):
        os.kill(process._process.pid, 0)


async def test_a_trial_waits_until_there_is_room_and_leaves_it_with_its_process(
    started: list[Sequence[str]],
) -> None:
    room = asyncio.Lock()
    trial = Trial(room)
    async with room:
        judged = asyncio.create_task(trial.judge(GOOD))
        await until_in_line(judged, room)
        assert started == []

    assert await judged is None
    assert started == [module.COMMAND]
    assert (trial._child, room.locked()) == (None, False)


async def test_that_a_trial_waits_for_room_is_told_once_it_has_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = asyncio.Lock()
    trial = Trial(room)
    async with asyncio.TaskGroup() as tasks, room:
        tasks.create_task(trial.judge(GOOD))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await trial.problem() is None

        monkeypatch.setattr(module, "_LONG_SECONDS", 0.0)
        assert await trial.problem() == "the trial waits until a giant patient is answered"

    assert await trial.problem() is None


@pytest.mark.parametrize("command", [("/nowhere",), (sys.executable, "-c", "exit(1)")])
async def test_a_trial_that_does_not_begin_leaves_the_room(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", command)
    room = asyncio.Lock()
    with pytest.raises(TrialFailed):
        await Trial(room).judge(GOOD)
    assert not room.locked()
