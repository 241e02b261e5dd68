"""Dead letters hold patients, and are not kept for ever; those that are to stay are never lost."""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import aio_pika
import pytest

from consumer_app.dead_letters import REASON_HEADER, TIME_HEADER
from contracts.topology import DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE
from local.broker import PrivateBroker, private_broker
from tests.commands import run_command
from tests.databases import SqliteFile
from tests.faults.proxy import Proxy
from tests.faults.system import channel_to, dead_letters, waiting
from tests.processes import ModuleProcess
from tests.services import eventually

OLD, NEW = "2025-06-30T23:59:59+00:00", "2025-07-01T00:00:00+00:00"
PURGE = ("dead-letters", "purge", "--before", "2025-07-01T00:00:00Z")


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker to whose dead letters nobody adds."""
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(autouse=True)
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a place for what is recorded of the commands."""
    monkeypatch.setenv("DATABASE_URL", SqliteFile(tmp_path).url)


@pytest.fixture
def broker(shared_broker: PrivateBroker) -> Iterator[PrivateBroker]:
    """Give it with an empty queue, which each command declares."""
    run_command({"RABBITMQ_URL": shared_broker.url}, "dead-letters", "list").check_returncode()
    yield shared_broker
    dead_letters(shared_broker)


def add(broker: PrivateBroker, times: Sequence[str | None]) -> None:
    """Add a dead letter of each time, numbered in its body."""

    async def publish() -> None:
        async with channel_to(broker) as channel:
            exchange = await channel.get_exchange(DEAD_LETTER_EXCHANGE.name)
            for number, time in enumerate(times):
                headers = {REASON_HEADER: "not JSON"} | ({TIME_HEADER: time} if time else {})
                message = aio_pika.Message(str(number).encode(), headers=dict(headers))
                await exchange.publish(message, "a.key")

    asyncio.run(publish())


def purge(broker: PrivateBroker, *options: str) -> subprocess.CompletedProcess[str]:
    return run_command({"RABBITMQ_URL": broker.url}, *PURGE, *options)


def numbers(broker: PrivateBroker) -> list[int]:
    """Take all dead letters, and give their numbers in the queue's order."""
    return [int(letter.body) for letter in dead_letters(broker)]


def test_only_those_that_are_older_go_and_the_others_stay_in_their_order(
    broker: PrivateBroker,
) -> None:
    add(broker, [NEW, OLD, None, NEW, "last week", OLD, OLD, NEW])

    for _ in range(2):
        done = purge(broker)
        told = "3 would be deleted (give --yes to do it); 5 stay, 2 of them as their time can't be "
        assert (done.returncode, done.stdout) == (0, f"{told}read\n")
    done = purge(broker, "--yes")
    assert done.stdout == "3 deleted; 5 stay, 2 of them as their time can't be read\n"
    assert purge(broker, "--yes").stdout.startswith("0 deleted; 5 stay")
    assert numbers(broker) == [0, 2, 3, 4, 7]


def test_what_is_looked_at_keeps_its_number_and_what_is_kept_its_order(
    broker: PrivateBroker,
) -> None:
    """So that `drop 42` takes the one that `list` has shown."""
    add(broker, [OLD, NEW, NEW] * 20)

    def bodies(number: int) -> str:
        shown = run_command({"RABBITMQ_URL": broker.url}, "dead-letters", "show", str(number))
        return shown.stdout.splitlines()[-1]

    run_command({"RABBITMQ_URL": broker.url}, "dead-letters", "list").check_returncode()
    assert [bodies(number) for number in (42, 1, 60)] == ["41", "0", "59"]
    assert purge(broker, "--yes").stdout == "20 deleted; 40 stay\n"
    assert numbers(broker) == [number for number in range(60) if number % 3]


def test_with_none_that_is_older_nothing_is_touched(broker: PrivateBroker) -> None:
    add(broker, [NEW] * 3)

    assert purge(broker, "--yes").stdout == "0 deleted; 3 stay\n"
    assert numbers(broker) == [0, 1, 2]


@pytest.mark.parametrize("time", ["yesterday", "2025-07-01", "2999-01-01T00:00:00Z"])
def test_a_time_that_is_none_or_not_over_yet_deletes_nothing(
    broker: PrivateBroker, time: str
) -> None:
    add(broker, [OLD])

    done = run_command(
        {"RABBITMQ_URL": broker.url}, "dead-letters", "purge", "--before", time, "--yes"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--before" in done.stderr
    assert numbers(broker) == [0]


def stayed(broker: PrivateBroker, added: int) -> None:
    """Judge what is there of letters of which each second one is old; purge the rest of these."""
    environment = {"RABBITMQ_URL": broker.url}
    # RabbitMQ finds out by itself that a command has ended, and what it held.
    eventually(lambda: run_command(environment, "dead-letters", "list").returncode == 0)
    done = purge(broker, "--yes").stdout
    assert done.endswith(f" deleted; {added // 2} stay\n")
    assert 0 < int(done.partition(" ")[0]) < added // 2, "it was broken off in the middle"
    assert sorted(numbers(broker)) == [*range(1, added, 2)]


@pytest.mark.fault("purge of dead letters killed (-9)")
def test_a_purge_that_is_killed_loses_none_that_is_to_stay(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    letters = 2_000
    add(broker, [OLD, NEW] * (letters // 2))

    environment = {"RABBITMQ_URL": broker.url}
    purging = ModuleProcess(
        "consumer_app", [*PURGE, "--yes"], environment, stdout=tmp_path / "purge.log"
    )
    try:
        eventually(partial(_has_begun, broker, letters))
    finally:
        purging.kill()
    assert purging.wait(60) == -9, "it was killed at its work"
    stayed(broker, letters)


def _has_begun(broker: PrivateBroker, letters: int) -> bool:
    return waiting(broker, DEAD_LETTER_QUEUE.name) < letters - 100


@pytest.mark.fault("RabbitMQ away in a purge of dead letters")
def test_a_purge_that_rabbitmq_leaves_says_so_and_loses_none_that_is_to_stay(
    broker: PrivateBroker,
) -> None:
    letters = 200
    add(broker, [OLD, NEW] * (letters // 2))

    proxy = Proxy(broker.port)
    try:
        # Behind those of the connection and the declarations: each letter is an answer.
        proxy.reset_instead_of_answer(letters // 2)
        url = broker.url.replace(str(broker.port), str(proxy.port))
        done = run_command({"RABBITMQ_URL": url}, *PURGE, "--yes")
    finally:
        proxy.close()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("RabbitMQ broke off")
    assert len(done.stderr.splitlines()) == 1
    stayed(broker, letters)
