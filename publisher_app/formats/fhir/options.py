"""How FHIR is read: what a source's profile may say of it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Ranking = Literal["lastUpdated", "versionId", "status"]


class FhirOptions(NamedTuple):
    """How the resources of one source are read."""

    source: str = "fhir"
    """What the identifiers of its records begin with."""
    patient_system: str | None = None
    """The system of the patients' identifiers; without one they are known by their ids."""
    ranked_by: Ranking | None = None
    """What its versions are ranked by; without it, the best that any of an input has."""
    dates: bool = False
    """Whether a date without a time is read as that whole day, in the ``zone``."""
    zone: ZoneInfo | None = None
    """The zone of times without an offset, and of dates."""
    as_of: str | None = None
    """When what a bulk export calls deleted was, in RFC 3339: the export's own time."""
    methods: Mapping[str, Literal["start", "stop", "point", "none"]] = {}
    """The words of ``dosage.method`` that say what was done, where the status does not."""
