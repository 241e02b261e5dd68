"""The services do their work with the least rights in RabbitMQ, and say which one is missing."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import aio_pika
import httpx
import pytest
from aio_pika.exceptions import ProbableAuthenticationError
from aiormq.exceptions import ChannelAccessRefused

from contracts.topology import DEAD_LETTER_EXCHANGE, EVENTS_EXCHANGE, EVENTS_QUEUE, ROUTING_KEY
from local.broker import PrivateBroker
from runtime.processes import CAN_NOT_START
from tests.commands import run_command
from tests.processes import run_module
from tests.rights import NOTHING, User, address, documented, give
from tests.services import PATIENCE_SECONDS, ServiceProcess, eventually

SERVICES = ("publisher", "consumer")
MODULES = ("publisher_app", "consumer_app")
RIGHTS = documented()
NOT_DECLARED = "not-declared"
EVENT = {
    "patient_id": "rights",
    "medication_name": "X",
    "action": "start",
    "event_time": "2021-01-01T00:00:00Z",
}


def user(name: str, *, host: str = "/", **rights: str) -> User:
    """Give a user with the documented rights, but for those that are given."""
    suffix = "".join(f"-without-{right}" for right in rights)
    at = "" if host == "/" else f"-{host}"
    return User(f"{name}{suffix}{at}", RIGHTS[name]._replace(**rights), host)


USERS = [user(name) for name in RIGHTS]
ELSEWHERE = [user(name, host=NOT_DECLARED) for name in RIGHTS]
BOUNDED = [
    User("publisher-with-one-connection", RIGHTS["publisher"], limits={"max-connections": 1}),
    User(
        "publisher-of-one-topic",
        RIGHTS["publisher"],
        topics={EVENTS_EXCHANGE.name: r"^medication\.events$"},
    ),
]
LACKING = {
    ("publisher", "write"): user("publisher", write=NOTHING),
    ("consumer", "write"): user("consumer", write=NOTHING),
    ("consumer", "read"): user("consumer", read=NOTHING),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker with the users, which has loaded all in one of its virtual hosts."""
    broker = PrivateBroker(tmp_path_factory.mktemp("broker"))
    give(broker, [*USERS, *ELSEWHERE, *BOUNDED, *LACKING.values()])
    broker.start()
    yield broker
    broker.stop()


Start = Callable[..., ServiceProcess]


@pytest.fixture
def start(broker: PrivateBroker, tmp_path: Path) -> Iterator[Start]:
    """Start services as users, which declare nothing unless told to."""
    with ExitStack() as stack:

        def started(name: str, by: User, *, declare: str = "false") -> ServiceProcess:
            environment = {
                "RABBITMQ_URL": address(broker, by),
                "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
                "PUBLISHER_DECLARE": declare,
                "CONSUMER_DECLARE": declare,
                "PUBLISHER_GIVE_UP_AFTER": "5",
            }
            service = ServiceProcess(name, environment, tmp_path)
            stack.callback(lambda: service.process.poll() is None and service.stop())
            return service

        yield started


def declare(broker: PrivateBroker, by: User) -> None:
    done = run_command({"RABBITMQ_URL": address(broker, by)}, "declare")
    assert done.returncode == 0, done.stderr


def post(publisher: ServiceProcess, medication: str) -> None:
    answer = httpx.post(f"{publisher.url}/events", json=EVENT | {"medication_name": medication})
    assert answer.status_code == 202, answer.text


def wait_until_stored(consumer: ServiceProcess, medication: str) -> None:
    def stored() -> bool:
        answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": EVENT["patient_id"]})
        return medication in answer.text

    eventually(stored)


def end_of(service: ServiceProcess) -> str:
    """Return the one line with which a start ends that can't go on."""
    assert service.process.wait(PATIENCE_SECONDS) == CAN_NOT_START
    lines = service.log.read_text().splitlines()
    (line,) = (each for each in lines if " ERROR " in each or " WARNING " in each)
    return line


def test_with_the_documented_rights_events_are_stored_and_what_is_none_is_a_dead_letter(
    broker: PrivateBroker, start: Start
) -> None:
    publisher, consumer = (start(name, user(name)) for name in SERVICES)
    publisher.wait_until_ready()
    consumer.wait_until_ready()

    post(publisher, "documented rights")
    wait_until_stored(consumer, "documented rights")
    asyncio.run(publish(address(broker, user("publisher")), b"no JSON"))

    def moved() -> bool:
        by_deployment = {"RABBITMQ_URL": address(broker, user("deployment"))}
        return EVENTS_EXCHANGE.name in run_command(by_deployment, "dead-letters", "list").stdout

    eventually(moved)
    assert consumer.readiness() == {}


@pytest.mark.parametrize("by", BOUNDED, ids=lambda by: by.name)
def test_a_publisher_works_within_a_limit_of_connections_and_of_topics(
    by: User, start: Start
) -> None:
    publisher = start("publisher", by)
    publisher.wait_until_ready()
    post(publisher, by.name)


@pytest.mark.parametrize(("name", "right"), LACKING, ids="-without-".join)
@pytest.mark.fault("start of a service that lacks a right in RabbitMQ")
def test_a_right_that_is_taken_away_ends_the_start_with_one_line(
    name: str, right: str, start: Start
) -> None:
    line = end_of(start(name, LACKING[name, right]))

    assert re.search(r"ACCESS_REFUSED - .*access to (exchange|queue) 'medication-", line)
    assert f"user '{LACKING[name, right].name}'" in line
    assert "docs/rabbitmq.md lists the rights" in line


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.fault("start of a service that lacks a right in RabbitMQ")
def test_a_service_that_declares_without_the_right_to_ends_with_one_line(
    name: str, start: Start
) -> None:
    line = end_of(start(name, user(name), declare="true"))

    assert re.search(r"ACCESS_REFUSED - .*access to (exchange|queue) 'medication-", line)
    assert "docs/rabbitmq.md lists the rights" in line


@pytest.mark.parametrize("module", MODULES)
def test_what_rabbitmq_has_loaded_is_what_would_be_declared(
    module: str, broker: PrivateBroker
) -> None:
    by_deployment = {"RABBITMQ_URL": address(broker, user("deployment"))}
    declared = run_module(module, ["declare"], by_deployment)

    assert (declared.returncode, declared.stdout, declared.stderr) == (0, "declared\n", "")


def test_a_declaration_that_is_to_wait_for_rabbitmq_does_so_and_no_longer(
    broker: PrivateBroker, silent_port: int
) -> None:
    by_deployment = address(broker, user("deployment"))
    waited = run_command({"RABBITMQ_URL": by_deployment}, "declare", "--wait", "60")
    assert (waited.returncode, waited.stdout) == (0, "declared\n")

    url = f"amqp://guest:guest@127.0.0.1:{silent_port}/"
    in_vain = run_command({"RABBITMQ_URL": url}, "declare", "--wait", "0.5")
    assert (in_vain.returncode, in_vain.stderr.count("\n")) == (2, 1)
    assert in_vain.stderr.startswith("RabbitMQ can't be reached at 127.0.0.1:")


def test_operators_look_at_dead_letters_as_who_may_and_not_as_the_consumer(
    broker: PrivateBroker,
) -> None:
    def listed(name: str) -> tuple[int, str]:
        url = address(broker, user(name))
        done = run_command(
            {"RABBITMQ_URL": url, "CONSUMER_DECLARE": "false"}, "dead-letters", "list"
        )
        return done.returncode, done.stderr

    assert listed("deployment") == (0, "")
    status, said = listed("consumer")
    assert (status, said.count("\n")) == (2, 1)
    assert "ACCESS_REFUSED" in said


@pytest.mark.parametrize("module", MODULES)
def test_who_may_not_declare_is_told_so_by_the_command(module: str, broker: PrivateBroker) -> None:
    by_consumer = {"RABBITMQ_URL": address(broker, user("consumer"))}
    refused = run_module(module, ["declare"], by_consumer)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("RabbitMQ has not declared all: ACCESS_REFUSED - ")
    assert refused.stderr.count("\n") == 1


def test_a_file_is_published_with_the_publishers_rights_and_refused_without(
    broker: PrivateBroker,
) -> None:
    def published(by: User) -> tuple[int, str]:
        environment = {"RABBITMQ_URL": address(broker, by), "PUBLISHER_DECLARE": "false"}
        done = run_module("publisher_app", ["examples/events.jsonl"], environment)
        return done.returncode, done.stderr

    assert published(user("publisher")) == (0, "")
    status, said = published(LACKING["publisher", "write"])
    assert status == 2
    assert "ACCESS_REFUSED" in said
    assert said.count("\n") == 1


async def test_the_publishers_user_reads_no_events_and_the_consumers_publishes_none(
    broker: PrivateBroker,
) -> None:
    with pytest.raises(ChannelAccessRefused):
        await publish(address(broker, user("consumer")), b"[]")
    for exchange in (DEAD_LETTER_EXCHANGE.name, "amq.topic", ""):
        with pytest.raises(ChannelAccessRefused):
            await publish(address(broker, user("publisher")), b"[]", exchange)
    async with await aio_pika.connect(address(broker, user("publisher"))) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(EVENTS_QUEUE.name, ensure=False)
        with pytest.raises(ChannelAccessRefused):
            await queue.get(fail=False)


async def test_rabbitmqs_own_user_with_a_known_password_is_not_there(broker: PrivateBroker) -> None:
    with pytest.raises(ProbableAuthenticationError):
        await aio_pika.connect(broker.url)


def test_services_that_start_before_the_declaration_wait_for_it_and_say_so(
    broker: PrivateBroker, start: Start
) -> None:
    services = [start(name, user(name, host=NOT_DECLARED)) for name in SERVICES]
    for service in services:
        eventually(partial(_has_tried, service))
        said = service.log.read_text()
        assert "NOT_FOUND - no exchange 'medication-events" in said
        assert "`python -m consumer_app declare` declares what is missing" in said

    declare(broker, user("deployment", host=NOT_DECLARED))

    for service in services:
        service.wait_until_ready()


def test_a_queue_that_is_deleted_is_told_of_and_taken_up_again_once_it_is_declared(
    broker: PrivateBroker, start: Start
) -> None:
    publisher, consumer = (start(name, user(name)) for name in SERVICES)
    publisher.wait_until_ready()
    consumer.wait_until_ready()

    asyncio.run(delete(address(broker, user("deployment")), EVENTS_QUEUE.name))

    eventually(lambda: "no subscription" in (consumer.readiness() or {}).get("broker", ""))
    refused = httpx.post(f"{publisher.url}/events", json=EVENT, timeout=PATIENCE_SECONDS)
    assert refused.status_code == 503
    eventually(lambda: "NO_ROUTE" in (publisher.readiness() or {}).get("publishing", ""))

    declare(broker, user("deployment"))
    consumer.wait_until_ready()
    post(publisher, "declared anew")
    wait_until_stored(consumer, "declared anew")
    publisher.wait_until_ready()


@pytest.mark.fault("RabbitMQ killed under services that declare nothing")
def test_services_that_declare_nothing_go_on_after_a_restart_of_rabbitmq(
    broker: PrivateBroker, start: Start
) -> None:
    publisher, consumer = (start(name, user(name)) for name in SERVICES)
    publisher.wait_until_ready()
    consumer.wait_until_ready()

    broker.stop()
    broker.start()

    publisher.wait_until_ready()
    consumer.wait_until_ready()
    post(publisher, "after a restart")
    wait_until_stored(consumer, "after a restart")


def _has_tried(service: ServiceProcess) -> bool:
    return service.log.exists() and "trying again" in service.log.read_text()


async def publish(url: str, body: bytes, exchange: str = EVENTS_EXCHANGE.name) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        to = await channel.get_exchange(exchange, ensure=False)
        await to.publish(aio_pika.Message(body), ROUTING_KEY)


async def delete(url: str, queue: str) -> None:
    async with await aio_pika.connect(url) as connection:
        await (await connection.channel()).queue_delete(queue)
