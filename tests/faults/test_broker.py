"""RabbitMQ goes away, and comes back."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from faststream.rabbit import RabbitBroker

from contracts.topology import declare_topology
from local.broker import PrivateBroker, speaks_amqp
from tests.faults.conftest import Record, RecordSent
from tests.faults.senders import Senders
from tests.faults.system import System, purge_queues
from tests.services import ServiceProcess, eventually

LONGEST_ABSENCE_SECONDS = 5.0


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    own = PrivateBroker(tmp_path_factory.mktemp("broker"))
    own.start()
    # RabbitMQ itself forgets a queue that was declared seconds before it is killed.
    asyncio.run(_declare(own))
    own.stop()
    own.start()
    yield own
    own.kill()


@pytest.fixture
def broker(own_broker: PrivateBroker) -> PrivateBroker:
    """Give a broker of this module's own, as it is taken down."""
    if not speaks_amqp(own_broker.port):
        own_broker.kill()
        own_broker.start()
    purge_queues(own_broker)
    return own_broker


async def _declare(broker: PrivateBroker) -> None:
    async with RabbitBroker(broker.url) as connected:
        await declare_topology(connected)


@pytest.mark.parametrize(
    "take_down",
    [
        pytest.param(
            PrivateBroker.stop,
            id="stopped",
            marks=[
                pytest.mark.long,
                pytest.mark.fault("RabbitMQ stopped and started under load, and asked"),
            ],
        ),
        pytest.param(
            PrivateBroker.kill,
            id="killed",
            marks=pytest.mark.fault("RabbitMQ killed (-9) and started under load, and asked"),
        ),
    ],
)
def test_a_broker_that_goes_away_under_load_loses_and_doubles_nothing(
    take_down: Callable[[PrivateBroker], None],
    system: System,
    chance: random.Random,
    full: bool,
    record: Record,
) -> None:
    times = 2 if full else 1
    consumer = system.start_consumer()
    with system.traffic():
        for _ in range(times):
            time.sleep(chance.uniform(1, 4))
            take_down(system.broker)
            _still_answers_while_the_broker_is_away(consumer)
            time.sleep(chance.uniform(0, LONGEST_ABSENCE_SECONDS))
            system.broker.start()
            consumer.wait_until_ready()

    record(times, system, consumer)


def _still_answers_while_the_broker_is_away(consumer: ServiceProcess) -> None:
    eventually(lambda: "RabbitMQ" in (consumer.readiness() or {}).get("broker", ""))
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": "patient-1"}, timeout=30)
    assert answer.status_code == 200
    assert httpx.get(f"{consumer.url}/health/ready", timeout=30).status_code == 200
    assert httpx.get(f"{consumer.url}/health/receiving", timeout=30).status_code == 503


@pytest.mark.parametrize(
    "take_down",
    [
        pytest.param(
            PrivateBroker.stop,
            id="stopped",
            marks=pytest.mark.fault("MLLP: RabbitMQ stopped and started under messages"),
        ),
        pytest.param(
            PrivateBroker.kill,
            id="killed",
            marks=[
                pytest.mark.long,
                pytest.mark.fault("MLLP: RabbitMQ killed (-9) and started under messages"),
            ],
        ),
    ],
)
def test_a_broker_that_goes_away_under_messages_loses_and_doubles_nothing(
    take_down: Callable[[PrivateBroker], None],
    system: System,
    mllp_port: int,
    chance: random.Random,
    full: bool,
    record_sent: RecordSent,
) -> None:
    times = 3 if full else 1
    consumer, senders = system.start_consumer(), Senders(mllp_port, chance)
    system.start("publisher")
    with senders.sending():
        for _ in range(times):
            senders.wait_for_more()
            take_down(system.broker)
            time.sleep(chance.uniform(0, LONGEST_ABSENCE_SECONDS))
            system.broker.start()
            consumer.wait_until_ready()
        senders.wait_for_more()
    record_sent(times, senders, consumer)


@pytest.mark.long
@pytest.mark.fault("RabbitMQ killed (-9) before it confirms what was posted, posted again")
def test_a_request_without_a_confirm_is_answered_503_and_may_be_repeated(
    system: System, record: Record
) -> None:
    system.environment["PUBLISHER_GIVE_UP_AFTER"] = "2"
    consumer, publisher = system.start("consumer"), system.start("publisher")
    publisher.wait_until_ready()
    rows = [report.row for report in system.reports.take(10)]
    system.broker.kill()

    refused = httpx.post(f"{publisher.url}/events", json=rows, timeout=60)

    assert refused.status_code == 503
    assert "has not confirmed" in refused.text
    system.broker.start()
    publisher.wait_until_ready()
    eventually(
        lambda: httpx.post(f"{publisher.url}/events", json=rows, timeout=60).status_code == 202
    )
    consumer.wait_until_ready()
    record(1, system, consumer)
