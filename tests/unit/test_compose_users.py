"""The compose file makes RabbitMQ's three users with the documented rights."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rights import documented

FILES = {
    "rabbitmq": Path("docker-compose.rabbitmq.yaml"),
    "consumer": Path("consumer_app/docker-compose.yaml"),
    "publisher": Path("publisher_app/docker-compose.yaml"),
}
USERS = ["medication", "publisher", "consumer"]


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Put variables in, or their defaults, as compose does: from the innermost ones outwards."""

    def value(found: re.Match[str]) -> str:
        return variables.get(found[1], "") or found[2]

    while (further := re.sub(r"\$\{(\w+):-([^${}]*)\}", value, text)) != text:
        text = further
    return text.replace("$$", "$")


def loaded(**variables: str) -> Any:  # noqa: ANN401 - JSON
    compose = yaml.safe_load(FILES["rabbitmq"].read_text())
    return json.loads(interpolated(compose["configs"]["rabbitmq-users"]["content"], variables))


def environment(file: str, service: str = "", **variables: str) -> dict[str, str]:
    compose = yaml.safe_load(FILES[file].read_text())
    settings = compose["services"][service or file]["environment"]
    return {name: interpolated(value or "", variables) for name, value in settings.items()}


def test_the_users_have_the_documented_rights_and_none_is_an_administrator() -> None:
    rights = {
        each["user"]: (each["configure"], each["write"], each["read"])
        for each in loaded()["permissions"]
    }
    assert rights == dict(zip(USERS, documented().values(), strict=True))
    assert [user["name"] for user in loaded()["users"]] == USERS
    assert {tag for user in loaded()["users"] for tag in user["tags"]} == {"monitoring"}


@pytest.mark.parametrize("service", ["publisher", "consumer"])
def test_a_service_logs_in_as_its_own_user_with_the_password_that_is_loaded(service: str) -> None:
    variable = f"RABBITMQ_{service.upper()}_PASSWORD"
    for variables in ({}, {variable: "another"}):
        passwords = {user["name"]: user["password"] for user in loaded(**variables)["users"]}
        settings = environment(service, **variables)
        url = f"amqp://{service}:{passwords[service]}@rabbitmq:5672/"
        assert settings["RABBITMQ_URL"] == url
        assert settings[f"{service.upper()}_DECLARE"] == "false"


def test_who_may_declare_moves_what_waits_in_the_queue_of_1_0_0_and_no_service_waits_for_it() -> (
    None
):
    services = yaml.safe_load(FILES["consumer"].read_text())["services"]
    declares = services["declare"]

    assert declares["command"][2:4] == ["consumer_app", "declare"]
    assert declares["command"][-1] == "--move"
    assert "profiles" not in declares
    assert declares["restart"] == "on-failure"
    user, password = loaded()["users"][0]["name"], loaded()["users"][0]["password"]
    url = environment("consumer", service="declare")["RABBITMQ_URL"]
    assert url == f"amqp://{user}:{password}@rabbitmq:5672/"
    assert not [name for name, each in services.items() if "declare" in each.get("depends_on", {})]


def test_rabbitmqs_management_page_is_on_this_machine_wherever_the_services_are() -> None:
    (port,) = yaml.safe_load(FILES["rabbitmq"].read_text())["services"]["rabbitmq"]["ports"]
    assert interpolated(port, {"BIND_ADDRESS": "0.0.0.0"}) == "127.0.0.1:15672:15672"


def test_rabbitmq_loads_the_same_exchanges_and_queues_as_the_charts() -> None:
    compose = yaml.safe_load(FILES["rabbitmq"].read_text())
    file = Path(compose["configs"]["rabbitmq-topology"]["file"])
    targets = [each["target"] for each in compose["services"]["rabbitmq"]["configs"]]

    assert file == Path("charts/medication-periods/files/topology.json")
    assert file.exists()
    assert all(target.startswith("/etc/rabbitmq/definitions/") for target in targets[1:])
