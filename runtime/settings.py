"""Settings from the environment; a bad value ends the start with one line."""

import sys
from typing import Annotated, TypeVar

from pydantic import AmqpDsn, Field, ValidationError
from pydantic_settings import BaseSettings


class ServiceSettings(BaseSettings):
    """What both services are told by their environment."""

    rabbitmq_url: Annotated[AmqpDsn, Field(validation_alias="RABBITMQ_URL")] = AmqpDsn(
        "amqp://guest:guest@localhost:5672/"
    )


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """Read the settings, or exit with status 2 and a line that names each bad variable."""
    try:
        return kind()
    except ValidationError as error:
        print(f"Bad settings: {_problems(kind, error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _problems(kind: type[ServiceSettings], error: ValidationError) -> str:
    return "; ".join(
        f"{_variable(kind, str(problem['loc'][0]))}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    )


def _variable(kind: type[ServiceSettings], name: str) -> str:
    if name not in kind.model_fields:
        return name
    return (str(kind.model_config.get("env_prefix", "")) + name).upper()
