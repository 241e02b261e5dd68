"""How the tests read FHIR: text, or resources, become versions, notes and reasons."""

import io
import json
from collections import Counter
from typing import Any, NamedTuple

from contracts import RecordVersion
from publisher_app.formats.fhir.options import FhirOptions
from publisher_app.formats.fhir.reading import Resources
from publisher_app.formats.json_beginnings import begin_array, begin_object
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.text import Source

Resource = dict[str, Any]


class Read(NamedTuple):
    versions: list[RecordVersion]
    reasons: list[str]
    notes: dict[str, int]

    @property
    def edges(self) -> list[str]:
        """Write the events of the only version: ``start 08:30, stop 09:00``."""
        [version] = self.versions
        return [f"{each.action} {each.event_time:%H:%M}" for each in version.events]


def read(content: str | list[Resource] | Resource, options: FhirOptions = FhirOptions()) -> Read:  # noqa: B008
    text = content if isinstance(content, str) else json.dumps(content)
    first, _, rest = text.partition("\n")
    source = Source(first + ("\n" if rest else ""), 1, io.StringIO(rest, newline=""))
    begun = begin_array(source) if text.lstrip().startswith("[") else begin_object(source)
    assert begun.is_fhir
    resources = Resources(options)
    versions: list[RecordVersion] = []
    reasons: list[str] = []
    notes: Counter[str] = Counter()
    for record in resources.records(begun.read, source.rest, source.line):
        try:
            versions += resources.reports_of(record, notes)
        except NoEvent as problem:
            reasons.append(str(problem))
    return Read(versions, reasons, dict(notes))


def administration(**fields: Any) -> Resource:  # noqa: ANN401 - JSON
    """Make a MedicationAdministration; a field that is None is left out."""
    usual = {
        "resourceType": "MedicationAdministration",
        "id": "7",
        "meta": {"lastUpdated": "2021-01-01T12:00:00Z"},
        "status": "completed",
        "medicationCodeableConcept": {"text": "Heparin"},
        "subject": {"reference": "Patient/2"},
        "effectivePeriod": {"start": "2021-01-01T08:00:00Z", "end": "2021-01-01T10:00:00Z"},
    }
    return {name: value for name, value in (usual | fields).items() if value is not None}


def bundle(*resources: Resource, kind: str = "collection", **entry: Any) -> Resource:  # noqa: ANN401
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"resource": each, **entry} for each in resources],
    }
