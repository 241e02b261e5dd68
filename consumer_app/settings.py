"""The consumer's settings."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from consumer_app.storage.database import check_database_url
from consumer_app.storage.schema import Terms
from runtime.settings import ServiceSettings


class ConsumerSettings(ServiceSettings):
    """Read from the environment: RABBITMQ_URL, DATABASE_…, and CONSUMER_… for the rest."""

    model_config = SettingsConfigDict(env_prefix="CONSUMER_")

    database_url: Annotated[
        str, AfterValidator(check_database_url), Field(validation_alias="DATABASE_URL")
    ] = "sqlite+aiosqlite:///./data/medication-periods.db"
    database_must_exist: Annotated[bool, Field(validation_alias="DATABASE_MUST_EXIST")] = False
    """For production: refuse to make a new database, as where a volume is not mounted."""
    database_backed_up_before: Annotated[
        str | None, Field(validation_alias="DATABASE_BACKED_UP_BEFORE")
    ] = None
    """PostgreSQL: the version before whose migration you have made a backup, where it asks."""
    receives: bool = True
    """Take messages and store their events; false makes a process that only answers, from what
    others store: it needs no RABBITMQ_URL, and never writes."""
    max_lag: Annotated[float | None, Field(gt=0)] = None
    """For one that only answers, from a replica: behind by more seconds it is not ready."""
    prefetch: Annotated[int, Field(ge=1, le=10_000)] = 250
    """Messages that are taken from the queue before they are acknowledged."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def terms(self, partitions: int = 0) -> Terms:
        """Tell on which terms the database is migrated."""
        return Terms(partitions, self.database_must_exist, self.database_backed_up_before)
