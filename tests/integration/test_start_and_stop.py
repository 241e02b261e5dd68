"""Services that start before the broker, and end when they are told to."""

import signal
from functools import partial
from pathlib import Path

import httpx

from local.broker import PrivateBroker
from tests.services import ServiceProcess, eventually

# uvicorn ends by the signal it was sent, once it has shut down in good order.
ENDED = {0, -signal.SIGTERM}


def _answers(service: ServiceProcess, status: int) -> bool:
    try:
        return httpx.get(f"{service.url}/health/ready", timeout=10).status_code == status
    except httpx.TransportError:
        return False


def test_services_that_start_before_the_broker_work_once_it_is_there(tmp_path: Path) -> None:
    late = PrivateBroker(tmp_path / "late")
    environment = {
        "RABBITMQ_URL": late.url,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }
    services = [ServiceProcess(name, environment, tmp_path) for name in ("consumer", "publisher")]
    try:
        for service in services:
            eventually(partial(_answers, service, 503))
        queries = httpx.get(f"{services[0].url}/periods", params={"patient_id": "1"})
        assert queries.status_code == 200

        late.start()
        for service in services:
            service.wait_until_ready()
    finally:
        late.stop()
        assert {service.stop() for service in services} <= ENDED


def test_a_service_ends_when_told_to_while_the_broker_is_away(
    tmp_path: Path, silent_port: int
) -> None:
    environment = {
        "RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{silent_port}/",
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/events.db",
    }
    for name in ("consumer", "publisher"):
        service = ServiceProcess(name, environment, tmp_path)
        eventually(partial(_answers, service, 503))
        assert service.stop() in ENDED


def test_a_bad_setting_ends_the_start_with_one_line(tmp_path: Path) -> None:
    service = ServiceProcess("consumer", {"CONSUMER_PREFETCH": "many"}, tmp_path)

    assert service.process.wait(60) == 2
    assert service.log.read_text().startswith("Bad settings: CONSUMER_PREFETCH: ")
    assert service.log.read_text().count("\n") == 1
