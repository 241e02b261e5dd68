"""The consumer's settings."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from consumer_app.durations import Duration
from consumer_app.rules.doubts import USUAL_QUIET
from consumer_app.storage.database import check_database_url
from consumer_app.storage.schema import Terms
from runtime.access.oidc_settings import default_if_empty
from runtime.settings import ServiceSettings
from runtime.zones import read_zone


def _check_audit_url(url: str | None) -> str | None:
    return None if url is None else check_database_url(url)


class ConsumerSettings(ServiceSettings):
    """Read from the environment: RABBITMQ_URL, DATABASE_…, AUDIT_…, CONSUMER_… for the rest."""

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
    audit_database_url: Annotated[
        str | None,
        BeforeValidator(default_if_empty),
        AfterValidator(_check_audit_url),
        Field(validation_alias="AUDIT_DATABASE_URL", validate_default=False),
    ] = None
    """Where reads are recorded; by default a SQLite file beside that of the events, or their
    PostgreSQL database."""
    audit_key_file: Annotated[
        Path | None, BeforeValidator(default_if_empty), Field(validation_alias="AUDIT_KEY_FILE")
    ] = None
    """The key of the audit's codes; by default beside its SQLite file. PostgreSQL needs one."""
    receives: bool = True
    """Take messages and store their events; false makes a process that only answers, from what
    others store: it needs no RABBITMQ_URL, and never writes."""
    max_lag: Annotated[float | None, Field(gt=0)] = None
    """For one that only answers, from a replica: behind by more seconds it is not ready."""
    prefetch: Annotated[int, Field(ge=1, le=10_000)] = 250
    """Messages that are taken from the queue before they are acknowledged."""
    quiet_after: Annotated[
        Duration, BeforeValidator(default_if_empty), Field(validate_default=False)
    ] = USUAL_QUIET
    """For so long nothing may be reported on an order that goes on; then ``doubts`` say so."""
    time_zone: Annotated[
        ZoneInfo | None, BeforeValidator(read_zone), BeforeValidator(default_if_empty)
    ] = None
    """The hospital's, which the page offers beside the browser's and UTC."""
    recent_patients: Annotated[bool, BeforeValidator(default_if_empty)] = True
    """Let the page keep in the browser who was looked at last."""
    patient_search: Annotated[bool, BeforeValidator(default_if_empty)] = False
    """Complete patients' identifiers for who has the scope ``patients:search``."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def terms(self, partitions: int = 0) -> Terms:
        """Tell on which terms the database is migrated."""
        return Terms(partitions, self.database_must_exist, self.database_backed_up_before)
