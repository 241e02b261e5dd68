"""The consumer's settings."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from consumer_app.storage.database import check_database_url
from runtime.settings import ServiceSettings


class ConsumerSettings(ServiceSettings):
    """Read from the environment: RABBITMQ_URL, DATABASE_URL, and CONSUMER_… for the rest."""

    model_config = SettingsConfigDict(env_prefix="CONSUMER_")

    database_url: Annotated[
        str, AfterValidator(check_database_url), Field(validation_alias="DATABASE_URL")
    ] = "sqlite+aiosqlite:///./data/medication-periods.db"
    prefetch: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Messages that are taken from the queue before they are acknowledged."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
