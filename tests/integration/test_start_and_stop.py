"""Services that start before the broker, and end when they are told to."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aio_pika
import httpx
import psutil
import pytest

from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_QUEUE
from local.broker import PrivateBroker, private_broker
from runtime.processes import CAN_NOT_START
from tests.faults.proxy import Proxy
from tests.services import PATIENCE_SECONDS, ServiceProcess, eventually

SERVICES = ("consumer", "publisher")

# uvicorn ends by the signal it was sent, once it has shut down in good order.
ENDED = {0, -signal.SIGTERM}


def _waits_for_the_broker(service: ServiceProcess) -> bool:
    return "broker" in (service.readiness() or {})


@pytest.mark.fault("start before RabbitMQ, and behind a proxy without it")
def test_services_that_start_before_the_broker_work_once_it_is_there(tmp_path: Path) -> None:
    """Nothing listens where it will be, or a proxy that takes connections and closes them."""
    late = PrivateBroker(tmp_path / "late")
    proxy = Proxy(late.port)
    environments = [
        {
            "RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{port}/",
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/{port}.db",
        }
        for port in (late.port, proxy.port)
    ]
    services = [
        ServiceProcess(name, environment, tmp_path)
        for name in SERVICES
        for environment in environments
    ]
    try:
        for service in services:
            eventually(partial(_waits_for_the_broker, service))
        queries = httpx.get(f"{services[0].url}/periods", params={"patient_id": "1"})
        assert queries.status_code == 200
        assert httpx.get(f"{services[0].url}/health/ready").status_code == 200
        assert httpx.get(f"{services[0].url}/health/receiving").status_code == 503

        late.start()
        for service in services:
            service.wait_until_ready()
    finally:
        proxy.close()
        late.stop()
        assert {service.stop() for service in services} <= ENDED


def test_that_the_broker_is_away_and_that_it_is_back_is_told_once(tmp_path: Path) -> None:
    with private_broker(tmp_path / "broker") as broker:
        environment = {
            "RABBITMQ_URL": broker.url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
        }
        service = ServiceProcess("consumer", environment, tmp_path)
        service.wait_until_ready()
        broker.stop()
        eventually(partial(_waits_for_the_broker, service))
        broker.start()
        service.wait_until_ready()
        service.stop()

    lines = [line for line in service.log.read_text().splitlines() if " WARNING " in line]
    *away, back = (line.partition("consumer_app: ")[2] for line in lines)
    assert all(line.startswith("RabbitMQ is away: ") for line in away)
    assert len({*away}) == len(away) > 0
    assert back == "RabbitMQ is back"


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("login", "cause"),
    [
        ("guest:wrong@127.0.0.1:{}/", "ACCESS_REFUSED"),
        ("guest:guest@127.0.0.1:{}/nowhere", "NOT_ALLOWED - vhost nowhere not found"),
    ],
)
@pytest.mark.fault("start with a wrong password, virtual host, queue")
def test_a_start_that_rabbitmq_refuses_ends_with_one_line_and_a_status(
    name: str, login: str, cause: str, broker: PrivateBroker, tmp_path: Path
) -> None:
    environment = {
        "RABBITMQ_URL": f"amqp://{login.format(broker.port)}",
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }
    service = ServiceProcess(name, environment, tmp_path)

    assert service.process.wait(PATIENCE_SECONDS) == CAN_NOT_START
    lines = service.log.read_text().splitlines()
    (error,) = (line for line in lines if " ERROR " in line or " WARNING " in line)
    assert "the start can't go on: RabbitMQ can't be reached at 127.0.0.1:" in error
    assert cause in error
    assert "wrong" not in error


@pytest.fixture
def with_another_queue(tmp_path: Path) -> Iterator[PrivateBroker]:
    """Give a broker that has a queue of ours, with other arguments."""
    with private_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.mark.fault("start with a wrong password, virtual host, queue")
async def test_a_start_with_workers_that_rabbitmq_refuses_ends_as_a_whole(
    with_another_queue: PrivateBroker, tmp_path: Path
) -> None:
    async with await aio_pika.connect(with_another_queue.url) as connection:
        await (await connection.channel()).declare_queue(DEAD_LETTER_QUEUE.name, durable=True)
    environment = {"RABBITMQ_URL": with_another_queue.url}
    service = ServiceProcess("publisher", environment, tmp_path, options=["--workers", "2"])

    assert service.process.wait(PATIENCE_SECONDS) == CAN_NOT_START
    assert "PRECONDITION_FAILED - inequivalent arg" in service.log.read_text()


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.fault("start with a wrong password, virtual host, queue")
async def test_a_queue_with_another_argument_ends_the_start_with_a_line_that_says_what_to_do(
    name: str, with_another_queue: PrivateBroker, tmp_path: Path
) -> None:
    arguments = {**(EVENTS_QUEUE.arguments or {}), "x-delivery-limit": 20}
    async with await aio_pika.connect(with_another_queue.url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(EVENTS_QUEUE.name, durable=True, arguments=arguments)
    environment = {
        "RABBITMQ_URL": with_another_queue.url,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }
    service = ServiceProcess(name, environment, tmp_path)

    assert service.process.wait(PATIENCE_SECONDS) == CAN_NOT_START
    lines = service.log.read_text().splitlines()
    (error,) = (line for line in lines if " ERROR " in line or " WARNING " in line)
    assert "received '1000000000' but current is '20'" in error
    assert "the x-delivery-limit of a queue that is there never changes" in error
    assert f"see to it that {EVENTS_QUEUE.name} is empty, and delete it" in error


@pytest.mark.fault("service told to end while RabbitMQ does not answer")
def test_a_service_ends_when_told_to_while_the_broker_is_away(
    tmp_path: Path, silent_port: int
) -> None:
    environment = {
        "RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{silent_port}/",
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }
    for name in SERVICES:
        service = ServiceProcess(name, environment, tmp_path)
        eventually(partial(_waits_for_the_broker, service))
        assert service.stop() in ENDED


def test_a_bad_setting_ends_the_start_with_one_line(tmp_path: Path) -> None:
    service = ServiceProcess("consumer", {"CONSUMER_PREFETCH": "many"}, tmp_path)

    assert service.process.wait(60) == 2
    assert service.log.read_text().startswith("Bad settings: CONSUMER_PREFETCH: ")
    assert service.log.read_text().count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.fault("service told to end by SIGHUP, SIGQUIT")
def test_a_service_ends_in_good_order_on_other_signals_too(
    number: signal.Signals, silent_port: int, tmp_path: Path
) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{silent_port}/"
    service = ServiceProcess("publisher", {"RABBITMQ_URL": url}, tmp_path)
    eventually(partial(_waits_for_the_broker, service))

    psutil.Process(service.process.pid).send_signal(number)

    assert service.process.wait(PATIENCE_SECONDS) in ENDED
    assert service.log.read_text().splitlines()[-1].startswith("INFO:     Finished server process")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
@pytest.mark.fault("parent of workers ended (SIGHUP, SIGQUIT), killed (-9)")
def test_workers_end_with_their_parent_however_that_ends(
    number: signal.Signals, silent_port: int, tmp_path: Path
) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{silent_port}/"
    options = ["--workers", "2"]
    service = ServiceProcess("publisher", {"RABBITMQ_URL": url}, tmp_path, options=options)
    parent = psutil.Process(service.process.pid)
    eventually(lambda: service.log.read_text().count("Application startup complete") == 2)
    children = parent.children()
    assert len(children) >= 2

    parent.send_signal(number)

    assert service.process.wait(PATIENCE_SECONDS) in {0, -number}
    _, alive = psutil.wait_procs(children, PATIENCE_SECONDS)
    assert alive == []


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["alone", "workers"])
def test_a_service_under_nohup_outlives_the_terminal(
    options: list[str], silent_port: int, tmp_path: Path
) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{silent_port}/"
    service = ServiceProcess(
        "publisher", {"RABBITMQ_URL": url}, tmp_path, wrapper=["nohup"], options=options
    )
    started = 2 if options else 1
    eventually(lambda: service.log.read_text().count("Application startup complete") == started)

    parent = psutil.Process(service.process.pid)
    services = [each for each in parent.children() if "spawn_main" in " ".join(each.cmdline())]
    assert all(_ignores_hangup(process) for process in [parent, *services])

    parent.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE_SECONDS) in ENDED


def _ignores_hangup(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (ignored,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored, 16) >> (signal.SIGHUP - 1) & 1)
