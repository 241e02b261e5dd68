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


def environment(service: str, **variables: str) -> dict[str, str]:
    compose = yaml.safe_load(FILES[service].read_text())
    settings = compose["services"][service]["environment"]
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


def test_rabbitmq_loads_the_same_exchanges_and_queues_as_the_charts() -> None:
    compose = yaml.safe_load(FILES["rabbitmq"].read_text())
    file = Path(compose["configs"]["rabbitmq-topology"]["file"])
    targets = [each["target"] for each in compose["services"]["rabbitmq"]["configs"]]

    assert file == Path("charts/medication-periods/files/topology.json")
    assert file.exists()
    assert all(target.startswith("/etc/rabbitmq/definitions/") for target in targets[1:])
