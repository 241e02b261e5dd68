"""What can never be stored becomes a dead letter, whole and with its reason."""

import asyncio
import json

import aio_pika
import httpx

from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, ROUTING_KEY
from local.broker import PrivateBroker
from tests.commands import run_command
from tests.faults.system import waiting
from tests.services import ServiceProcess, eventually

GOOD = {
    "patient_id": "refused",
    "medication_name": "X",
    "action": "start",
    "event_time": "2021-01-01T00:00:00Z",
}


def dead_letters(environment: dict[str, str], *arguments: str) -> str:
    done = run_command(environment, "dead-letters", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def send(broker: PrivateBroker, *bodies: bytes, run: str | None = None) -> None:
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EVENTS_EXCHANGE.name)
        for body in bodies:
            message = aio_pika.Message(body, headers={} if run is None else {"run-id": run})
            await exchange.publish(message, ROUTING_KEY)


def test_a_bad_message_is_kept_whole_and_the_consumer_goes_on(
    broker: PrivateBroker, consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    mixed = json.dumps([GOOD, {"patient_id": "secret-patient"}]).encode()
    asyncio.run(send(broker, b"not json", mixed, json.dumps([GOOD] * 1001).encode()))

    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 3)
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": "refused"}).json()
    assert len(answer["periods"]) == 1, "the good event of the mixed list is stored"
    listing = dead_letters(environment, "list")
    assert "secret-patient" not in listing
    # They are handled side by side, and come in any order.
    numbers = {line.rpartition("\t")[2]: line.partition("\t")[0] for line in listing.splitlines()}
    (not_json,) = (number for reason, number in numbers.items() if "Invalid JSON" in reason)
    assert any("1001 events" in reason for reason in numbers)
    (partly_good,) = (
        number
        for reason, number in numbers.items()
        if reason.startswith("element 1: medication_name: Field required")
    )
    assert mixed.decode() in dead_letters(environment, "show", partly_good)

    assert dead_letters(environment, "replay", not_json) == "1 replayed\n"
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 3)
    assert dead_letters(environment, "drop", "--yes") == "3 dropped\n"
    assert dead_letters(environment, "list") == ""


def test_a_dead_letter_names_its_run_which_it_keeps_when_it_is_replayed(
    broker: PrivateBroker, consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    assert consumer.readiness() == {}
    asyncio.run(send(broker, b"not json", run="monday"))
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)

    for _ in range(2):
        assert dead_letters(environment, "list").split("\t")[3] == "monday"
        assert "\nrun: monday\n" in dead_letters(environment, "show", "1")
        assert dead_letters(environment, "replay") == "1 replayed\n"
        eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)
    assert dead_letters(environment, "drop", "--yes") == "1 dropped\n"


def test_a_wrong_password_is_named_as_the_cause(broker: PrivateBroker) -> None:
    done = run_command(
        {"RABBITMQ_URL": f"amqp://guest:secret@127.0.0.1:{broker.port}/"}, "dead-letters", "list"
    )

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"RabbitMQ can't be reached at 127.0.0.1:{broker.port}: ACCESS_REFUSED")
    assert "secret" not in line


def test_a_number_that_the_list_does_not_have_is_named(environment: dict[str, str]) -> None:
    done = run_command(environment, "dead-letters", "show", "99")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("there is no dead letter 99: the list has ")
