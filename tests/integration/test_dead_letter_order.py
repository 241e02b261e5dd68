"""A dead letter keeps its number until somebody deletes one, whatever else happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.dead_letter_queue import DeadLetterQueue, dead_letter_queue
from contracts.topology import DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE
from local.broker import PrivateBroker, private_broker
from runtime.broker_errors import BrokerUnavailable
from tests.commands import run_command
from tests.faults.proxy import Proxy
from tests.faults.system import channel_to, dead_letters, send, waiting
from tests.services import eventually

LETTERS = 60


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker to whose dead letters nobody adds."""
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def broker(
    shared_broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PrivateBroker]:
    """Give it with 60 dead letters, numbered in their bodies from 1, that were listed once."""
    monkeypatch.setenv("RABBITMQ_URL", shared_broker.url)
    assert command(shared_broker, "list") == (0, "")
    add(shared_broker, *range(1, LETTERS + 1))
    assert command(shared_broker, "list") == (0, "")
    yield shared_broker
    dead_letters(shared_broker)


def add(broker: PrivateBroker, *numbers: int) -> None:
    send(broker, *(b"%d" % number for number in numbers), exchange=DEAD_LETTER_EXCHANGE.name)


def command(broker: PrivateBroker, *arguments: str) -> tuple[int, str]:
    """Give what a command ends with: its status, and what it says on standard error."""
    done = run_command({"RABBITMQ_URL": broker.url}, "dead-letters", *arguments)
    return done.returncode, done.stderr


def numbers(broker: PrivateBroker) -> list[int]:
    """Take all dead letters, and give their numbers in the queue's order."""
    return [int(letter.body) for letter in dead_letters(broker)]


@asynccontextmanager
async def by_a_command(_: PrivateBroker) -> AsyncIterator[None]:
    async with dead_letter_queue() as queue:
        async for number, _letter in queue.letters():
            if number == LETTERS:
                yield


@asynccontextmanager
async def by_a_subscription(broker: PrivateBroker) -> AsyncIterator[None]:
    async with channel_to(broker) as channel:
        await channel.set_qos(16)
        queue = await channel.get_queue(DEAD_LETTER_QUEUE.name)
        async with queue.iterator() as letters:
            await anext(letters)
            yield


@asynccontextmanager
async def by_a_request(broker: PrivateBroker) -> AsyncIterator[None]:
    async with channel_to(broker) as channel:
        await (await channel.get_queue(DEAD_LETTER_QUEUE.name)).get()
        yield


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (by_a_command, "another dead-letters command runs: wait for it to end"),
        (by_a_subscription, "another program holds dead letters"),
        (by_a_request, "another program holds dead letters"),
    ],
)
@pytest.mark.parametrize("arguments", [("drop", "12", "--yes"), ("list",)])
def test_while_others_hold_letters_a_command_is_refused_and_deletes_none(
    broker: PrivateBroker,
    held: Callable[[PrivateBroker], AbstractAsyncContextManager[None]],
    told: str,
    arguments: tuple[str, ...],
) -> None:
    async def meanwhile() -> tuple[int, str]:
        async with held(broker):
            return await asyncio.to_thread(command, broker, *arguments)

    status, said = asyncio.run(meanwhile())
    assert (status, said.startswith(told), len(said.splitlines())) == (2, True, 1)
    assert set(numbers(broker)) == {*range(1, LETTERS + 1)}


def in_a_command(work: Callable[[DeadLetterQueue], Awaitable[None]]) -> None:
    async def run() -> None:
        async with dead_letter_queue() as queue:
            await work(queue)

    asyncio.run(run())


def test_what_comes_while_letters_are_given_back_stays_behind_them(broker: PrivateBroker) -> None:
    later = [*range(LETTERS + 1, 5 * LETTERS)]

    async def run() -> None:
        async with dead_letter_queue() as queue:
            async for _ in queue.letters():
                pass
            adding = asyncio.create_task(asyncio.to_thread(add, broker, *later))
        await adding

    asyncio.run(run())
    found = numbers(broker)
    assert found[:LETTERS] == [*range(1, LETTERS + 1)]
    assert sorted(found[LETTERS:]) == later


def test_a_command_that_fails_in_the_middle_gives_back_in_order(broker: PrivateBroker) -> None:
    async def fail(queue: DeadLetterQueue) -> None:
        async for number, letter in queue.letters():
            if number == 7:
                await letter.ack()
            if number == LETTERS // 2:
                raise CommandFailed("in the middle")

    with pytest.raises(CommandFailed, match="in the middle"):
        in_a_command(fail)
    assert numbers(broker) == [number for number in range(1, LETTERS + 1) if number != 7]


def test_a_command_says_that_letters_did_not_come_which_another_program_takes(
    broker: PrivateBroker,
) -> None:
    async def take_away(queue: DeadLetterQueue) -> None:
        async for number, _ in queue.letters():
            if number == 1:
                await asyncio.to_thread(dead_letters, broker)

    with pytest.raises(CommandFailed, match=r"^59 of 60 dead letters did not come"):
        in_a_command(take_away)
    assert numbers(broker) == [1]


def test_acknowledgements_that_did_not_arrive_are_not_told_as_deleted(
    broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(broker.port)
    monkeypatch.setenv("RABBITMQ_URL", broker.url.replace(str(broker.port), str(proxy.port)))

    async def lose_the_last(queue: DeadLetterQueue) -> None:
        async for number, letter in queue.letters():
            if number == LETTERS:
                proxy.freeze()
            await letter.ack()
        proxy.reset()

    try:
        with pytest.raises(BrokerUnavailable, match="RabbitMQ broke off"):
            in_a_command(lose_the_last)
    finally:
        proxy.close()
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)
    assert numbers(broker) == [LETTERS]


def test_a_number_that_is_not_in_the_list_changes_no_other(broker: PrivateBroker) -> None:
    status, said = command(broker, "drop", "61", "--yes")
    assert (status, said) == (2, "there is no dead letter 61: the list has 60\n")
    assert numbers(broker) == [*range(1, LETTERS + 1)]
