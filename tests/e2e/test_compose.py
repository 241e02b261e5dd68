"""The real images by the real compose files, in a Docker engine: used, killed, scaled."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.compose import Compose, Event, Period, brought_up, eventually, periods_at
from tests.e2e.docker import ROOT, Docker

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    # Each brings up what `docker compose up --build` finds built.
    pytest.mark.usefixtures("images"),
]

_PATIENTS = 60
_EXPECTED: list[Period] = [
    ("Heparin", f"2024-03-{day:02d}T08:00:00Z", f"2024-03-{day:02d}T12:00:00Z")
    for day in range(1, 6)
]


def _events(patient: int) -> list[Event]:
    """Five days on a medication and off it again, reported out of order, and a mistake."""
    reports = [("stop", f"{day:02d}T12") for day in range(1, 6)]
    reports += [("start", f"{day:02d}T08") for day in range(1, 6)]
    reports += [("start", "07T08"), ("cancel_start", "07T09")]
    return [
        {
            "patient_id": f"e2e-{patient}",
            "medication_name": "Heparin",
            "action": action,
            "event_time": f"2024-03-{at}:00:00Z",
        }
        for action, at in reports
    ]


def _all_right(address: str) -> bool:
    return all(periods_at(address, f"e2e-{patient}") == _EXPECTED for patient in range(_PATIENTS))


def _answers_the_readme(consumer: str) -> bool:
    """Run the README's sample query against a consumer, and compare what it prints there."""
    example = re.compile(r"^\$ curl 'http://localhost:8000(/periods.*)'\n(.+)$", re.MULTILINE)
    [(query, answer)] = example.findall((ROOT / "README.md").read_text())
    return bool(httpx.get(consumer + query).raise_for_status().json() == json.loads(answer))


@pytest.mark.parametrize(
    ("profile", "consumer"), [(None, "consumer"), ("postgres", "consumer-postgres")]
)
def test_answers_stay_right_while_every_service_crashes_once(
    docker: Docker, profile: str | None, consumer: str
) -> None:
    with brought_up(docker, profile) as compose:
        [address] = compose.addresses(consumer)
        eventually(lambda: _answers_the_readme(address))

        to_crash = compose.services()
        for patient in range(_PATIENTS):
            compose.publish(_events(patient))
            if patient % 10 == 0 and to_crash:
                compose.crash(to_crash.pop())
        assert not to_crash
        eventually(lambda: _all_right(address))
        eventually(lambda: _answers_the_readme(address))
        # Docker brought them up again, and nothing else made them end.
        restarts = {name: compose.facts(name)[0]["RestartCount"] for name in compose.services()}
        assert set(restarts.values()) == {1}, restarts


@pytest.mark.parametrize(
    ("profile", "consumer"),
    [("answering", "consumer"), ("answering-postgres", "consumer-postgres")],
)
def test_processes_that_only_answer_outlive_the_consumer(
    docker: Docker, profile: str, consumer: str
) -> None:
    with brought_up(docker, profile) as compose:
        [address] = compose.addresses(profile)
        eventually(lambda: _answers_the_readme(address))
        compose.run("stop", consumer)
        assert _answers_the_readme(address)


@pytest.mark.parametrize(
    ("profile", "consumer"),
    [
        ("sqlite", "consumer"),
        ("answering", "consumer"),
        ("postgres", "consumer-postgres"),
        ("answering-postgres", "consumer-postgres"),
        ("scale", "consumers"),
    ],
)
def test_the_publisher_starts_behind_the_consumers_of_the_profile(
    docker: Docker, profile: str, consumer: str
) -> None:
    settings = {"COMPOSE_PROFILES": profile}
    found = json.loads(docker.run("compose", "config", "--format", "json", environment=settings))[
        "services"
    ]
    behind = found["publisher"]["depends_on"]
    assert {name for name in behind if name in found} == {"rabbitmq", consumer}
    assert behind[consumer]["condition"] == "service_healthy"


def test_with_their_files_the_publisher_listens_by_mllp_and_watches_a_folder(
    docker: Docker,
) -> None:
    files = ["docker-compose.yaml", "docker-compose.mllp.yaml", "docker-compose.folder.yaml"]
    settings = {"PUBLISHER_MLLP_ALLOW": "10.0.0.7", "PUBLISHER_FOLDER": "/srv/exports"}
    command = ["compose", *(f"--file={file}" for file in files), "config", "--format", "json"]
    found = json.loads(docker.run(*command, environment=settings))["services"]["publisher"]

    assert {each["target"] for each in found["ports"]} == {8000, 2575}
    mounted = {each["target"]: each["source"] for each in found["volumes"]}
    assert mounted[found["environment"]["PUBLISHER_FOLDER"]] == "/srv/exports"
    assert found["environment"]["PUBLISHER_MLLP_ALLOW"] == "10.0.0.7"


def test_services_end_in_order_and_their_volume_keeps_the_events(docker: Docker) -> None:
    with brought_up(docker) as compose:
        compose.publish(_events(0))
        compose.run("stop", "consumer", "publisher")
        for service in ("consumer", "publisher"):
            [facts] = compose.facts(service)
            assert facts["State"]["ExitCode"] == 0
            assert facts["HostConfig"]["ReadonlyRootfs"] is True

        compose.run("rm", "--force", "consumer")
        compose.up()
        [consumer] = compose.addresses("consumer")
        eventually(lambda: periods_at(consumer, "e2e-0") == _EXPECTED)


def test_consumers_are_added_and_killed_and_removed_and_each_answers_right(docker: Docker) -> None:
    with brought_up(docker, "scale") as compose:
        assert len(compose.addresses("consumers")) == 3
        with ThreadPoolExecutor(max_workers=4) as pool:
            publishing = [
                pool.submit(compose.publish, _events(patient)) for patient in range(_PATIENTS)
            ]
            compose.crash("consumers")
            _scale(compose, 5)
            compose.crash("consumers")
            compose.crash("postgres")
            _scale(compose, 2)
            for each in publishing:
                each.result()
        for address in compose.addresses("consumers"):
            eventually(lambda address=address: _all_right(address))  # type: ignore[misc]


def _scale(compose: Compose, consumers: int) -> None:
    compose.up("--scale", f"consumers={consumers}")
    assert len(compose.addresses("consumers")) == consumers


@pytest.mark.parametrize("service", ["consumer", "publisher"])
def test_each_service_starts_from_its_own_folder_with_the_broker(
    docker: Docker, service: str
) -> None:
    with brought_up(docker, folder=ROOT / f"{service}_app") as compose:
        [address] = compose.addresses(service)
        assert httpx.get(f"{address}/health/ready").status_code == httpx.codes.OK
        assert sorted(compose.services()) == sorted([service, "rabbitmq"])
